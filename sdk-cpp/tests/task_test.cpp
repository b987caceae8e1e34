// Tasks by themselves: laziness, values, exceptions, contexts, executors, two at a time.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "mecha/mecha.h"

namespace mecha {
namespace {

Task<int> give(int value) { co_return value; }

Task<int> add(Task<int> a, Task<int> b) { co_return co_await std::move(a) + co_await std::move(b); }

Task<int> note(bool& begun) {
  begun = true;
  co_return 1;
}

Task<void> set(bool& flag) {
  flag = true;
  co_return;
}

Task<int> sum_of(int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += co_await ready(1);
  co_return sum;
}

Task<int> broken() {
  throw std::runtime_error("broken");
  co_return 1;
}

Task<std::string> caught() {
  try {
    co_await broken();
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "nothing";
}

Task<std::string> trace_here() {
  const TaskContext* context = co_await current_context();
  co_return context == nullptr || !context->trace ? "none" : context->trace->traceparent;
}

Task<std::string> trace_below() {
  auto trace = co_await trace_here();
  co_return "below " + trace;
}

TaskContext traced(std::string parent) {
  TaskContext context;
  context.trace = std::make_shared<const TraceContext>(TraceContext{std::move(parent), {}, {}});
  return context;
}

// An operation that a test ends by hand.
class ByHand final : public detail::ValueOperation<int> {
 public:
  explicit ByHand(bool& dropped) : dropped_(dropped) {}
  std::coroutine_handle<> start() noexcept override { return std::noop_coroutine(); }
  void drop() noexcept override {
    dropped_ = true;
    delete this;
  }
  void end(int value) {
    put(value);
    tell();
  }

 private:
  bool& dropped_;
};

class Collect final : public Executor {
 public:
  void post(void (*work)(void*) noexcept, void* data) noexcept override {
    work_.emplace_back(work, data);
  }
  std::size_t run() {
    auto work = std::exchange(work_, {});
    for (auto& [call, data] : work) call(data);
    return work.size();
  }

 private:
  std::vector<std::pair<void (*)(void*) noexcept, void*>> work_;
};

TEST_CASE("a task does nothing before it is awaited, and nothing when it never is", "[task]") {
  bool begun = false;
  {
    auto task = note(begun);
    CHECK(!begun);
  }
  CHECK(!begun);
  CHECK(sync_wait(note(begun)) == 1);
  CHECK(begun);
}

TEST_CASE("values come out where a task is awaited", "[task]") {
  CHECK(sync_wait(add(give(1), give(2))) == 3);
  CHECK(sync_wait(add(ready(1), give(2))) == 3);
  auto first = give(7);
  auto second = std::move(first);
  second = give(8);
  CHECK(sync_wait(std::move(second)) == 8);
}

TEST_CASE("a long chain of ready tasks needs no deep stack", "[task]") {
  CHECK(sync_wait(sum_of(1000000)) == 1000000);
}

TEST_CASE("what a coroutine throws comes out where it is awaited", "[task]") {
  CHECK(sync_wait(caught()) == "broken");
  CHECK_THROWS_AS(sync_wait(broken()), std::runtime_error);
}

TEST_CASE("a task inherits the context of the one that awaits it", "[task]") {
  CHECK(sync_wait(trace_below()) == "below none");
  CHECK(sync_wait(trace_below(), traced("a")) == "below a");
  CHECK(sync_wait(with_context(traced("b"), trace_below()), traced("a")) == "below b");
}

TEST_CASE("a coroutine goes on on the executor of its context", "[task]") {
  bool dropped = false;
  int got = 0;
  Collect executor;
  auto* hand = new ByHand(dropped);
  TaskContext context;
  context.executor = &executor;
  then_call(
      add(detail::TaskAccess::make<int>(hand), ready(1)), [&](int value) { got = value; }, context
  );
  hand->end(4);
  CHECK(got == 0);
  CHECK(executor.run() == 1);
  CHECK(got == 5);
  CHECK(dropped);
}

TEST_CASE("a task that is destroyed lets go of what it awaits", "[task]") {
  bool dropped = false;
  {
    auto task = add(give(1), detail::TaskAccess::make<int>(new ByHand(dropped)));
    auto* operation = detail::TaskAccess::operation(task);
    operation->waiter = {[](void*) noexcept {}, nullptr};
    operation->start().resume();
    CHECK(!dropped);
  }
  CHECK(dropped);
}

// Ends with 2 on a thread of its own.
class Elsewhere final : public detail::Work<int> {
 public:
  std::coroutine_handle<> start() noexcept override { return later(); }
  void drop() noexcept override {
    if (thread_.get_id() == std::this_thread::get_id()) thread_.detach();
    if (thread_.joinable()) thread_.join();
    delete this;
  }

 private:
  void go() noexcept override {
    thread_ = std::thread([this] {
      put(2);
      tell();
    });
  }

  std::thread thread_;
};

TEST_CASE("sync_wait waits for another thread", "[task]") {
  for (int round = 0; round < 200; ++round) {
    REQUIRE(sync_wait(detail::TaskAccess::make<int>(new Elsewhere())) == 2);
  }
}

TEST_CASE("when_all gives both values and the context to both", "[task]") {
  const auto [a, b] = sync_wait(when_all(trace_below(), give(3)), traced("x"));
  CHECK(a == "below x");
  CHECK(b == 3);
  bool dropped = false;
  int sum = 0;
  auto* hand = new ByHand(dropped);
  then_call(when_all(detail::TaskAccess::make<int>(hand), give(3)), [&](std::pair<int, int> both) {
    sum = both.first + both.second;
  });
  CHECK(sum == 0);
  hand->end(4);
  CHECK(sum == 7);
}

TEST_CASE("what one half of when_all throws comes out", "[task]") {
  CHECK_THROWS_AS(sync_wait(when_all(broken(), give(3))), std::runtime_error);
}

Task<int> await_twice(Task<int> task) {
  const int first = co_await std::move(task);
  co_return first + co_await std::move(task);
}

// What a child process says before it ends; the signal that ended it.
std::pair<std::string, int> last_words(void (*what)()) {
  int pipes[2] = {};
  REQUIRE(pipe(pipes) == 0);
  const auto child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // not that of the tests
    dup2(pipes[1], STDERR_FILENO);
    what();
    _exit(0);
  }
  close(pipes[1]);
  std::string said(1000, '\0');
  std::size_t size = 0;
  for (ssize_t more = 1; more > 0 && size < said.size(); size += static_cast<std::size_t>(more))
    more = std::max<ssize_t>(read(pipes[0], said.data() + size, said.size() - size), 0);
  close(pipes[0]);
  said.resize(size);
  int status = 0;
  waitpid(child, &status, 0);
  return {said, WIFSIGNALED(status) ? WTERMSIG(status) : 0};
}

TEST_CASE("using a task that is empty ends the program and says why", "[task]") {
  const auto use = GENERATE(as<void (*)()>{}, [] { (void)sync_wait(await_twice(ready(1))); },
      [] {
        auto task = ready(1);
        const auto other = std::move(task);
        (void)sync_wait(std::move(task));
      },
      [] {
        auto task = ready(1);
        const auto other = std::move(task);
        then_call(std::move(task), [](int) {});
      },
      [] {
        auto task = ready(1);
        const auto other = std::move(task);
        (void)sync_wait(when_all(ready(2), std::move(task)));
      });
  const auto [said, signal] = last_words(use);
  CHECK(said == "mecha: a Task was used that is empty: it was moved from, or awaited before\n");
  CHECK(signal == SIGABRT);
}

TEST_CASE("spawned work runs without an owner", "[task]") {
  bool begun = false;
  spawn(set(begun));
  CHECK(begun);
}

}  // namespace
}  // namespace mecha
