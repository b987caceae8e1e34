#include <latch>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "runtime/async/bridge.hpp"
#include "runtime/async/bridges.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/on_shard.hpp"
#include "runtime/async/shards.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> nap(std::chrono::milliseconds time, bool* ended) {
  *ended = co_await sleep_for(time);
}

Async<int> answer_after(std::chrono::milliseconds time) {
  co_await sleep_for(time);
  co_return 42;
}

Async<int> answer_after_two(std::chrono::milliseconds time) {
  co_await sleep_for(time);
  co_await sleep_for(time);
  co_return 42;
}

asio::awaitable<void> keep(Async<int> work, std::vector<Result<int>>* answers) {
  auto answer = co_await std::move(work);
  answers->push_back(std::move(answer));
}

asio::awaitable<void> hold(Semaphore& semaphore, std::vector<int>* order, int id) {
  if (!co_await semaphore.acquire()) co_return;
  order->push_back(id);
  co_await sleep_for(1ms);
  semaphore.release();
}

}  // namespace

TEST_CASE("a gate waits for its work", "[gate]") {
  asio::io_context context;
  Gate gate(context.get_executor());
  bool ended = false;
  REQUIRE(spawn(gate, context.get_executor(), nap(5ms, &ended)));
  CHECK(testing::run(context, gate.close(1s)));
  CHECK(ended);
  CHECK_FALSE(spawn(gate, context.get_executor(), nap(5ms, &ended)));
}

TEST_CASE("a gate cancels work that outlives the grace", "[gate]") {
  asio::io_context context;
  Gate gate(context.get_executor());
  bool ended = true;
  REQUIRE(spawn(gate, context.get_executor(), nap(60s, &ended)));
  CHECK_FALSE(testing::run(context, gate.close(5ms)));
  CHECK_FALSE(ended);
}

TEST_CASE("work of a gate is cancelled alone", "[gate]") {
  asio::io_context context;
  Gate gate(context.get_executor());
  bool first = true, second = false;
  asio::cancellation_signal* cancel = nullptr;
  REQUIRE(gate.spawn_cancellable(context.get_executor(), [&](asio::cancellation_signal& signal) {
    cancel = &signal;
    return nap(60s, &first);
  }));
  REQUIRE(spawn(gate, context.get_executor(), nap(5ms, &second)));
  context.poll();
  cancel->emit(asio::cancellation_type::terminal);
  CHECK(testing::run(context, gate.close(1s)));
  CHECK_FALSE(first);
  CHECK(second);
  CHECK_FALSE(gate.spawn_cancellable(context.get_executor(), [&](asio::cancellation_signal&) { return nap(1ms, &first); }));
}

TEST_CASE("a cancellation reaches work on another shard, and one that comes after its end touches nothing", "[on_shard]") {
  // Both shards are turned by hand, so that each order of events can be had.
  asio::io_context here, home;
  const auto turn = [](asio::io_context& context) {
    context.restart();
    context.poll();
  };
  const auto start = [&](Async<int> work, std::vector<Result<int>>* out, asio::cancellation_signal& signal) {
    asio::co_spawn(here, keep(on_shard(home.get_executor(), std::move(work)), out), asio::bind_cancellation_slot(signal.slot(), asio::detached));
    turn(here);
  };
  std::vector<Result<int>> answers;
  asio::cancellation_signal first;
  start(answer_after(60s), &answers, first);
  turn(home);
  first.emit(asio::cancellation_type::terminal);
  CHECK(answers.empty());
  for (int i = 0; i < 4; ++i) turn(home), turn(here);
  CHECK(answers.size() <= 1);  // the caller itself is cancelled, and may throw instead of answering
  CHECK(home.stopped());       // nothing waits for 60 s
  answers.clear();

  asio::cancellation_signal second;
  start([]() -> Async<int> { co_return 42; }(), &answers, second);
  asio::post(here, [&] { second.emit(asio::cancellation_type::terminal); });
  turn(home);  // the work ends, and its answer waits behind the cancellation
  turn(here);  // the cancellation is sent to the work; the caller goes on, and whatever it held goes
  turn(home);  // the cancellation arrives
  turn(here);
}

TEST_CASE("within that is cancelled tells of no deadline", "[within]") {
  asio::io_context context;
  Gate gate(context.get_executor());
  Result<int> result = 0;
  const auto work = [](Result<int>* out) -> asio::awaitable<void> { *out = co_await within(60s, answer_after_two(60s)); };
  REQUIRE(spawn(gate, context.get_executor(), work(&result)));
  CHECK_FALSE(testing::run(context, gate.close(5ms)));
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Code::cancelled);
  CHECK(result.error().failure != Failure::timeout);
}

TEST_CASE("within returns what is in time and fails what is not", "[within]") {
  asio::io_context context;
  CHECK(testing::run(context, within(1s, answer_after(1ms))).value() == 42);
  const auto late = testing::run(context, within(2ms, answer_after(1s)));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == Code::deadline_exceeded);
  CHECK(late.error().failure == Failure::timeout);
}

TEST_CASE("a bridge runs jobs in order and answers on the caller's executor", "[bridge]") {
  asio::io_context context;
  Bridge bridge("test");
  const auto self = std::this_thread::get_id();
  const auto work = [](Bridge& b, std::thread::id caller) -> Async<int> {
    std::thread::id ran;
    MECHA_CO_TRY(int value, co_await b.call<int>([&ran]() -> Result<int> {
      ran = std::this_thread::get_id();
      return 7;
    }));
    CHECK(ran != caller);
    CHECK(std::this_thread::get_id() == caller);
    co_return value;
  };
  CHECK(testing::run(context, work(bridge, self)).value() == 7);
}

TEST_CASE("a caller that is cancelled leaves its job behind", "[bridge]") {
  asio::io_context context;
  Gate gate(context.get_executor());
  std::latch begun{1}, end{1};
  std::atomic<int> ran = 0;
  std::weak_ptr<int> owned;
  std::vector<Result<int>> answers;
  {
    Bridges bridges("test", 1);
    const auto begin = [&](bool hangs) {
      const auto value = std::make_shared<int>(7);
      if (hangs) owned = value;
      std::function<Result<int>(std::size_t, Asked<int>&)> job = [&, value, hangs](std::size_t, Asked<int>&) -> Result<int> {
        ++ran;
        if (hangs) begun.count_down();
        if (hangs) end.wait();
        return *value;
      };
      REQUIRE(spawn(gate, context.get_executor(), keep(bridges.call<int>(10s, std::move(job)), &answers)));
    };
    begin(true);
    context.poll();
    begun.wait();
    begin(false);  // waits behind it
    context.poll();
    gate.cancel();
    context.restart();
    context.poll();
    REQUIRE(answers.size() == 2);
    CHECK(answers[0].error().code == Code::cancelled);
    CHECK(answers[1].error().code == Code::cancelled);
    CHECK_FALSE(owned.expired());  // it runs
    end.count_down();
    std::function<Result<int>(std::size_t, Asked<int>&)> last = [](std::size_t, Asked<int>&) -> Result<int> { return 1; };
    CHECK(testing::run(context, bridges.call<int>(10s, last)) == 1);
    CHECK(ran == 1);  // the second had not begun, and never did
    testing::run(context, gate.close(1s));
  }
  CHECK(owned.expired());
}

TEST_CASE("a caller whose job was never begun may go on after the bridges have gone", "[bridge]") {
  asio::io_context context;
  std::vector<Result<int>> answers;
  Gate gate(context.get_executor());
  auto bridges = std::make_unique<Bridges>("test", 1);
  std::function<Result<int>(std::size_t, Asked<int>&)> job = [](std::size_t, Asked<int>&) -> Result<int> { return 1; };
  REQUIRE(spawn(gate, context.get_executor(), keep(bridges->call<int>(-1ms, job), &answers)));
  context.poll();  // it waits
  bridges.reset();
  testing::run(context, gate.close(1s));
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].error().code == Code::deadline_exceeded);
}

TEST_CASE("a job that is left behind has its thread until it ends", "[bridge]") {
  asio::io_context context;
  Gate gate(context.get_executor());
  std::latch begun{1}, end{1};
  std::vector<Result<int>> answers;
  Bridges bridges("test", 2);
  std::function<Result<int>(std::size_t, Asked<int>&)> hang = [&](std::size_t, Asked<int>&) -> Result<int> {
    begun.count_down();
    end.wait();
    return 0;
  };
  REQUIRE(spawn(gate, context.get_executor(), keep(bridges.call<int>(10s, hang), &answers)));
  context.poll();
  begun.wait();
  gate.cancel();
  testing::run(context, gate.close(1s));
  REQUIRE(answers.size() == 1);
  std::function<Result<int>(std::size_t, Asked<int>&)> ask = [](std::size_t number, Asked<int>&) -> Result<int> { return static_cast<int>(number); };
  for (int i = 0; i < 5; ++i) CHECK(testing::run(context, bridges.call<int>(10s, ask)) == 1);
  end.count_down();
}

TEST_CASE("a caller that stays is cancelled when the job has ended", "[bridge]") {
  asio::io_context context;
  Gate gate(context.get_executor());
  std::latch begun{1}, end{1};
  std::vector<Result<int>> answers;
  Bridges bridges("test", 1);
  std::function<Result<int>(std::size_t, Asked<int>&)> hang = [&](std::size_t, Asked<int>&) -> Result<int> {
    begun.count_down();
    end.wait();
    return 7;
  };
  REQUIRE(spawn(gate, context.get_executor(), keep(bridges.call<int>(10s, hang, Caller::stays), &answers)));
  context.poll();
  begun.wait();
  gate.cancel();
  context.poll();
  CHECK(answers.empty());
  end.count_down();
  testing::run(context, gate.close(10s));
  REQUIRE(answers.size() == 1);
  CHECK(answers[0] == 7);
}

TEST_CASE("work under way can tell that nobody waits for it any more", "[bridge]") {
  asio::io_context context;
  Gate gate(context.get_executor());
  std::latch begun{1}, left{1};
  std::atomic<bool> waited = false, waits = true;
  std::vector<Result<int>> answers;
  {
    Bridge bridge("test");
    std::function<Result<int>(Asked<int>&)> job = [&](Asked<int>& asked) -> Result<int> {
      waited = asked.waits();
      begun.count_down();
      left.wait();
      waits = asked.waits();
      return 0;
    };
    REQUIRE(spawn(gate, context.get_executor(), keep(bridge.call_or_leave<int>(job), &answers)));
    context.poll();
    begun.wait();
    gate.cancel();
    testing::run(context, gate.close(1s));
    left.count_down();
  }
  REQUIRE(answers.size() == 1);
  CHECK_FALSE(answers[0].has_value());
  CHECK(waited);
  CHECK_FALSE(waits);
}

TEST_CASE("a full bridge refuses instead of growing", "[bridge]") {
  Bridge bridge("test", 1);
  std::mutex blocker;
  blocker.lock();
  std::atomic<bool> running = false;
  REQUIRE(bridge.post([&] {
    running = true;
    const std::lock_guard lock(blocker);
  }));
  while (!running) std::this_thread::yield();
  CHECK(bridge.post([] {}));
  CHECK_FALSE(bridge.post([] {}));
  blocker.unlock();
}

TEST_CASE("a semaphore grants in order of arrival", "[semaphore]") {
  asio::io_context context;
  Semaphore semaphore(context.get_executor(), 1);
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) {
    asio::co_spawn(context, hold(semaphore, &order, i), asio::detached);
  }
  context.run();
  CHECK(order == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("shards know on which of them they are", "[shards]") {
  Shards shards(2);
  std::size_t seen = 9;
  asio::post(shards.executor(1), [&] {
    seen = Shards::current();
    shards.stop();
  });
  shards.run();
  CHECK(seen == 1);
}
