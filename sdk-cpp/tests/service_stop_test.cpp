// Limits of a service, where its handlers run, and how it ends.

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "tests/caller.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

using namespace std::chrono_literals;

// A call without a port, and its end.
struct Asked {
  std::shared_ptr<Gate> done = std::make_shared<Gate>();
  std::shared_ptr<Result<MethodReply>> got = std::make_shared<Result<MethodReply>>();

  Asked(CallbackApi& callbacks, const std::string& method, TaskContext context = {}) {
    then_call(
        callbacks.on_invoke({method}),
        [done = done, got = got](Result<MethodReply> answer) {
          *got = std::move(answer);
          done->open();
        },
        std::move(context)
    );
  }
  Result<MethodReply>& answer() {
    REQUIRE(done->wait());
    return *got;
  }
};

TEST_CASE("beyond the limit of a handler calls wait, and beyond that they are refused", "[stop]") {
  Service service(quiet());
  Gate gate;
  std::atomic<int> running = 0, most = 0;
  const auto work = [&] {
    at_least(most, ++running);
    (void)gate.wait();
    --running;
  };
  service.method("m", work, {.limit = {1, 1}}).method("other", [] {});
  const auto callbacks = service.callbacks();
  Asked first(*callbacks, "m"), second(*callbacks, "m"), third(*callbacks, "m");
  CHECK(third.answer().error().code == Code::resource_exhausted);
  CHECK(Asked(*callbacks, "other").answer());
  gate.open();
  CHECK(first.answer());
  CHECK(second.answer());
  CHECK(most == 1);
}

TEST_CASE("the limit of the service is for all handlers, but not for health", "[stop]") {
  auto options = quiet();
  options.limit = {1, 0};
  Service service(std::move(options));
  Gate gate;
  service.method("m", [&] { (void)gate.wait(); });
  service.method("other", [] {});
  service.topic("bus", "t", [] {});
  service.health([] {});
  const auto callbacks = service.callbacks();
  Asked first(*callbacks, "m");
  CHECK(Asked(*callbacks, "other").answer().error().code == Code::resource_exhausted);
  TopicEvent event;
  event.pubsub = "bus";
  event.topic = "t";
  CHECK(*sync_wait(callbacks->on_topic(event)) == Verdict::retry);
  BulkTopicEvent batch{"id", "bus", "t"};
  batch.entries.push_back({"1", event});
  CHECK(sync_wait(callbacks->on_topic_bulk(batch))->front().verdict == Verdict::retry);
  CHECK(sync_wait(callbacks->health()));
  gate.open();
  CHECK(first.answer());
  CHECK(*sync_wait(callbacks->on_topic(event)) == Verdict::success);
}

TEST_CASE("a call whose caller gave up does not wait any more", "[stop]") {
  Service service(quiet());
  Gate gate;
  service.method("m", [&] { (void)gate.wait(); }, {.limit = {1, 1}});
  const auto callbacks = service.callbacks();
  Asked first(*callbacks, "m");
  std::stop_source stop;
  TaskContext context;
  context.stop = stop.get_token();
  Asked second(*callbacks, "m", context);
  stop.request_stop();
  CHECK(second.answer().error().code == Code::cancelled);
  CHECK(Asked(*callbacks, "m", context).answer().error().code == Code::cancelled);
  gate.open();
  CHECK(first.answer());
}

TEST_CASE("plain functions run beside each other, and coroutines on the executor", "[stop]") {
  class OneThread final : public Executor {
   public:
    void post(void (*work)(void*) noexcept, void* data) noexcept override {
      const std::lock_guard lock(mutex_);
      work_.emplace_back(work, data);
    }
    bool run_one() {
      std::unique_lock lock(mutex_);
      if (work_.empty()) return false;
      const auto [work, data] = work_.back();
      work_.pop_back();
      lock.unlock();
      work(data);
      return true;
    }

   private:
    std::mutex mutex_;
    std::vector<std::pair<void (*)(void*) noexcept, void*>> work_;
  };
  OneThread executor;
  auto options = quiet();
  options.executor = &executor;
  options.threads = 2;
  Service service(std::move(options));
  Gate both;
  std::atomic<int> inside = 0;
  service.method("plain", [&] {
    if (++inside == 2) both.open();
    return std::string(both.wait() ? "together" : "alone");
  });
  std::thread::id where;
  service.method("task", [&]() -> Task<void> {
    where = std::this_thread::get_id();
    co_return;
  });
  const auto callbacks = service.callbacks();
  Asked first(*callbacks, "plain"), second(*callbacks, "plain");
  CHECK(first.answer()->data == "together");
  CHECK(second.answer()->data == "together");
  Asked task(*callbacks, "task");
  while (executor.run_one()) {
  }
  CHECK(task.answer());
  CHECK(where == std::this_thread::get_id());
}

// Until the service has begun to stop.
void wait_for_stop(CallbackApi& callbacks) {
  while (sync_wait(callbacks.health())) std::this_thread::yield();
}

TEST_CASE("stopping lets handlers end and be answered, and refuses what is new", "[stop]") {
  Service service(quiet());
  Gate gate, begun;
  service.method(
      "m",
      [&] {
        begun.open();
        (void)gate.wait();
        return std::string("done");
      },
      {.limit = {1, 1}}
  );
  REQUIRE(service.start());
  Caller caller(service);
  Caller::Answer slow, waiting;
  std::thread first([&] { slow = caller.invoke("m", ""); });
  REQUIRE(begun.wait());
  const auto callbacks = service.callbacks();
  Asked second(*callbacks, "m");
  Result<void> stopped = fail(Code::unknown, "");
  std::thread stopping([&] { stopped = service.stop(); });
  wait_for_stop(*callbacks);
  CHECK(second.answer().error().code == Code::unavailable);
  CHECK(caller.invoke("m", "").status.error_code() == grpc::StatusCode::UNAVAILABLE);
  v1::HealthCheckResponse response;
  CHECK(
      caller.health().HealthCheck(caller.context().get(), {}, &response).error_code() ==
      grpc::StatusCode::UNAVAILABLE
  );
  gate.open();
  first.join();
  stopping.join();
  CHECK(slow.data == "done");
  CHECK(stopped);
  CHECK(service.stop());
  CHECK(service.start().error().code == Code::failed_precondition);
}

TEST_CASE("a handler that hangs is left behind, and its caller is answered", "[stop]") {
  Gate gate, begun;
  const auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = held;
  Caller::Answer answer;
  std::thread calling;
  {
    auto options = quiet();
    options.stop_limit = 20ms;
    Service service(std::move(options));
    service.method("m", [&gate, &begun, held] {
      begun.open();
      (void)gate.wait();
    });
    REQUIRE(service.start());
    calling = std::thread([&, caller = std::make_shared<Caller>(service)] {
      answer = caller->invoke("m", "");
    });
    REQUIRE(begun.wait());
    const auto error = service.stop().error();
    CHECK(error.code == Code::deadline_exceeded);
    CHECK(error.message == "1 handlers did not end in time and were left behind");
  }
  calling.join();
  CHECK(answer.status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(answer.status.error_message() == "the application is stopping");
  gate.open();
  // `held` here is one owner; the handler, which has ended, is no other.
  while (seen.use_count() > 1) std::this_thread::yield();
}

TEST_CASE(
    "after the limit, handlers are asked to stop, and so are those nobody waits for", "[stop]"
) {
  ScriptedServer sidecar;
  Gate called;
  sidecar.on("GetState", [&](const std::string* message, std::size_t) {
    if (message != nullptr) called.open();
    return Reply::silence();
  });
  auto options = quiet();
  options.stop_limit = 20ms;
  Service service(std::move(options));
  std::atomic<int> cancelled = 0;
  Gate stopped;
  service.method("task", [&, client = sidecar.client()]() -> Task<void> {
    auto got = co_await client.state("s").get<Bytes>("k");
    cancelled += !got && got.error().code == Code::cancelled;
    stopped.open();
  });
  REQUIRE(service.start());
  Caller caller(service);
  SECTION("by stopping") {
    Caller::Answer answer;
    std::thread calling([&] { answer = caller.invoke("task", ""); });
    REQUIRE(called.wait());
    CHECK(service.stop().error().code == Code::deadline_exceeded);
    calling.join();
    CHECK(answer.status.error_code() == grpc::StatusCode::UNAVAILABLE);
  }
  SECTION("by the caller") {
    common::InvokeRequest request;
    request.set_method("task");
    common::InvokeResponse response;
    const auto context = caller.context();
    std::thread cancelling([&] {
      (void)called.wait();
      context->TryCancel();
    });
    const auto status = caller.app().OnInvoke(context.get(), request, &response);
    CHECK(status.error_code() == grpc::StatusCode::CANCELLED);
    cancelling.join();
  }
  REQUIRE(stopped.wait());
  CHECK(cancelled == 1);
}

TEST_CASE("what a handler does when its caller gives up runs on no thread of gRPC", "[stop]") {
  Service service(quiet());
  Gate running, told;
  char thread[16] = "";
  service.method("m", [&] {
    const std::stop_callback on_stop(ambient_context().stop, [&] {
      pthread_getname_np(pthread_self(), thread, sizeof thread);
      told.open();
    });
    running.open();
    (void)told.wait();
  });
  REQUIRE(service.start());
  Caller caller(service);
  common::InvokeRequest request;
  request.set_method("m");
  common::InvokeResponse response;
  const auto context = caller.context();
  std::thread cancelling([&] {
    (void)running.wait();
    context->TryCancel();
  });
  const auto status = caller.app().OnInvoke(context.get(), request, &response);
  cancelling.join();
  CHECK(status.error_code() == grpc::StatusCode::CANCELLED);
  REQUIRE(told.wait());
  CHECK(std::string(thread) == "mecha-service");
  CHECK(service.stop());
}

TEST_CASE("a handler that takes its time when it is told to stop holds up no other, nor the end", "[stop]") {
  struct Gates {
    Gate slow_runs, slow_told, go_on, quick_runs, quick_told, quick_ended;
    std::atomic<bool> lingered = false;
  };
  // Handlers that are left behind keep it.
  const auto at = std::make_shared<Gates>();
  auto options = quiet();
  options.stop_limit = 20ms;
  Service service(std::move(options));
  service.method("slow", [at] {
    const auto linger = [at] {
      at->slow_told.open();
      (void)at->go_on.wait();
      at->lingered = true;
    };
    const std::stop_callback on_stop(ambient_context().stop, linger);
    at->slow_runs.open();
    (void)at->go_on.wait();
  });
  service.method("quick", [at] {
    const std::stop_callback on_stop(ambient_context().stop, [at] { at->quick_told.open(); });
    at->quick_runs.open();
    if (at->quick_told.wait()) at->quick_ended.open();
  });
  REQUIRE(service.start());
  Caller caller(service);
  const auto slow_context = caller.context(), quick_context = caller.context();
  const auto call = [&](const char* method, grpc::ClientContext& context) {
    common::InvokeRequest request;
    request.set_method(method);
    common::InvokeResponse response;
    return caller.app().OnInvoke(&context, request, &response).ok();
  };
  bool slow = true, quick = false;
  std::jthread calling_slow([&] { slow = call("slow", *slow_context); });
  CHECK(at->slow_runs.wait());
  SECTION("told by their callers") {
    slow_context->TryCancel();
    CHECK(at->slow_told.wait());
    quick = true;
    const std::jthread calling_quick([&] { quick = call("quick", *quick_context); });
    CHECK(at->quick_runs.wait());
    quick_context->TryCancel();
    CHECK(at->quick_ended.wait());
  }
  SECTION("told by who stops") {
    const auto stopped = service.stop();
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().code == Code::deadline_exceeded);
    CHECK(at->slow_told.wait());
  }
  calling_slow.join();
  CHECK_FALSE(slow);
  CHECK_FALSE(quick);
  CHECK_FALSE(at->lingered);
  at->go_on.open();
}

struct Told {
  Gate done;
  Result<void> is;
};

TEST_CASE("a health check does not wait for handlers that keep all threads busy", "[stop]") {
  auto options = quiet();
  options.threads = 1;
  Service service(std::move(options));
  Gate gate, begun, hang;
  std::atomic<bool> hangs = false;
  service.method("m", [&] {
    begun.open();
    (void)gate.wait();
  });
  service.health([&] {
    if (hangs) (void)hang.wait();
  });
  const auto callbacks = service.callbacks();
  Asked busy(*callbacks, "m");
  REQUIRE(begun.wait());
  const auto ask = [&] {
    auto told = std::make_shared<Told>();
    then_call(callbacks->health(), [told](Result<void> is) {
      told->is = std::move(is);
      told->done.open();
    });
    return told;
  };
  const auto well = ask();
  REQUIRE(well->done.wait());
  CHECK(well->is);
  // One that hangs keeps no more than a few others waiting.
  hangs = true;
  std::vector<std::shared_ptr<Told>> all(9);
  for (auto& one : all) one = ask();
  const auto beyond = ask();
  REQUIRE(beyond->done.wait());
  CHECK(beyond->is.error().code == Code::resource_exhausted);
  hang.open();
  for (const auto& one : all) CHECK((one->done.wait() && one->is));
  gate.open();
  CHECK(busy.answer());
}

TEST_CASE("stopping waits for handlers that were called without a port, too", "[stop]") {
  auto options = quiet();
  options.stop_limit = 20ms;
  Service service(std::move(options));
  Gate gate, begun;
  service.method("m", [&] {
    begun.open();
    (void)gate.wait();
  });
  const auto callbacks = service.callbacks();
  Asked asked(*callbacks, "m");
  REQUIRE(begun.wait());
  SECTION("and says when one does not end") {
    CHECK(service.stop().error().code == Code::deadline_exceeded);
    gate.open();
    CHECK(asked.answer());
  }
  SECTION("and says nothing when all have ended") {
    gate.open();
    CHECK(asked.answer());
    CHECK(service.stop());
  }
}

TEST_CASE("a job that failed is tried again, whatever its error says", "[stop]") {
  Service service(quiet());
  auto code = Code::ok;
  service.job("j", [&]() -> Result<void> { return fail(code, "why"); });
  const auto callbacks = service.callbacks();
  // Those two would mean to a sidecar that it is done, and that it has another name.
  for (const auto given : {Code::not_found, Code::unimplemented}) {
    code = given;
    const auto error = sync_wait(callbacks->on_job({"j"})).error();
    CHECK(error.code == Code::internal);
    CHECK(error.message == "why");
  }
  code = Code::unavailable;
  CHECK(sync_wait(callbacks->on_job({"j"})).error().code == Code::unavailable);
}

TEST_CASE("run serves until a signal or a word", "[stop]") {
  const auto how = GENERATE(std::string("SIGTERM"), std::string("SIGINT"), std::string("word"));
  Service service(quiet()), second(quiet());
  service.method("m", [] { return std::string("yes"); });
  second.method("m", [] {});
  Result<void> ended = fail(Code::unknown, "");
  std::thread running([&] { ended = service.run(); });
  while (service.port() == 0) std::this_thread::yield();
  Caller caller(service);
  CHECK(caller.invoke("m", "").data == "yes");
  // Only one may wait for signals; whichever does, the other is told.
  if (how == "word") {
    second.request_stop();
    const auto other = second.run();
    CHECK((other || other.error().code == Code::failed_precondition));
    service.request_stop();
  } else {
    // The handler of the signal is there a moment after the port is.
    struct sigaction now{};
    const int number = how == "SIGINT" ? SIGINT : SIGTERM;
    do sigaction(number, nullptr, &now);
    while (now.sa_handler == SIG_DFL);
    std::raise(number);
  }
  running.join();
  CHECK(ended);
  CHECK(service.port() == 0);
  struct sigaction after{};
  sigaction(SIGTERM, nullptr, &after);
}

TEST_CASE("what is registered after the start has no effect, and that is said", "[stop]") {
  const auto log = std::make_shared<Log>();
  Service service(quiet(log));
  REQUIRE(service.start());
  service.method("late", [] {});
  Caller caller(service);
  CHECK(caller.invoke("late", "").status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  CHECK(log->has("a method is registered after the start"));
}

}  // namespace
}  // namespace mecha::test
