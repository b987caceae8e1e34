// Messages that a service fetches itself, from a scripted sidecar.

#include <atomic>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "catch.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "tests/caller.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

using namespace std::chrono_literals;

std::string consent() {
  v1::SubscribeTopicEventsResponseAlpha1 message;
  message.mutable_initial_response();
  return message.SerializeAsString();
}

std::string event(const std::string& id, const std::string& data) {
  v1::SubscribeTopicEventsResponseAlpha1 message;
  auto& event = *message.mutable_event_message();
  event.set_id(id);
  event.set_data(data);
  event.set_pubsub_name("bus");
  event.set_topic("orders");
  (*event.mutable_extensions()->mutable_fields())["traceparent"].set_string_value("00-" + id);
  return message.SerializeAsString();
}

// A sidecar that brings these messages on each stream, and keeps what is said of them.
class Broker {
 public:
  explicit Broker(std::vector<std::string> messages) : messages_(std::move(messages)) {
    server.on("SubscribeTopicEventsAlpha1", [this](const std::string* message, std::size_t count) {
      return reply(message, count);
    });
  }

  ScriptedServer server;

  /// "id=number " of each answer, once there are so many.
  std::string answers(std::size_t count) {
    std::unique_lock lock(mutex_);
    (void)changed_.wait_for(lock, 30s, [&] { return answers_.size() >= count; });
    std::string to;
    for (const auto& answer : answers_) to += answer + " ";
    return to;
  }

 private:
  Reply reply(const std::string* message, std::size_t count) {
    if (message == nullptr) return {};
    if (count == 0) {
      auto all = messages_;
      all.insert(all.begin(), consent());
      return {std::move(all), std::nullopt};
    }
    v1::SubscribeTopicEventsRequestAlpha1 request;
    request.ParseFromString(*message);
    const auto& processed = request.event_processed();
    const std::lock_guard lock(mutex_);
    answers_.push_back(processed.id() + "=" + std::to_string(processed.status().status()));
    changed_.notify_all();
    return {};
  }

  std::vector<std::string> messages_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> answers_;
};

ServiceOptions over(const ScriptedServer& server, std::shared_ptr<Log> log = nullptr) {
  auto options = quiet(std::move(log));
  options.port.reset();
  options.client = server.client();
  return options;
}

TEST_CASE("a stream brings messages without a port, and answers each", "[service-stream]") {
  const auto log = std::make_shared<Log>();
  Broker broker({event("1", "ok"), event("2", "drop"), event("3", "fail")});
  Service service(over(broker.server, log));
  std::mutex mutex;
  std::string traces;
  service.stream(
      "bus",
      "orders",
      [&](const TopicEvent& message) -> Task<Result<Verdict>> {
        const auto* context = co_await current_context();
        {
          const std::lock_guard lock(mutex);
          traces += context->trace->traceparent + " ";
        }
        if (message.data == "fail") co_return fail(Code::aborted, "not now");
        co_return message.data == "drop" ? Verdict::drop : Verdict::success;
      },
      {.dead_letter_topic = "dead", .metadata = {{"k", "v"}}, .limit = {1, 0}}
  );
  REQUIRE(service.start());
  CHECK(service.port() == 0);
  CHECK(broker.answers(3) == "1=0 2=2 3=1 ");
  CHECK(log->has("topic orders of bus: message 3 is to be retried: ABORTED: not now"));
  CHECK(service.stop());
  CHECK(traces == "00-1 00-2 00-3 ");
  v1::SubscribeTopicEventsRequestAlpha1 initial;
  initial.ParseFromString(broker.server.seen("SubscribeTopicEventsAlpha1").messages.at(0));
  CHECK(initial.initial_request().dead_letter_topic() == "dead");
  CHECK(initial.initial_request().metadata().at("k") == "v");
}

TEST_CASE(
    "as many messages of a stream are handled at a time as its limit says", "[service-stream]"
) {
  Broker broker({event("1", ""), event("2", ""), event("3", ""), event("4", "")});
  Service service(over(broker.server));
  Gate two, go;
  std::atomic<int> inside = 0, most = 0;
  service.stream(
      "bus",
      "orders",
      [&] {
        const int now = ++inside;
        at_least(most, now);
        if (now == 2) two.open();
        (void)go.wait();
        --inside;
      },
      {.limit = {2, 0}}
  );
  REQUIRE(service.start());
  REQUIRE(two.wait());
  CHECK(broker.answers(0).empty());
  go.open();
  (void)broker.answers(4);
  CHECK(most == 2);
}

TEST_CASE("stopping answers what is under way and leaves the rest to others", "[service-stream]") {
  Broker broker({event("1", ""), event("2", ""), event("3", "")});
  Service service(over(broker.server));
  Gate begun, go;
  service.stream(
      "bus",
      "orders",
      [&](const TopicEvent& message) {
        if (message.id != "1") return Verdict::drop;
        begun.open();
        (void)go.wait();
        return Verdict::success;
      },
      {.limit = {1, 0}}
  );
  REQUIRE(service.start());
  const auto callbacks = service.callbacks();
  REQUIRE(begun.wait());
  Result<void> stopped = fail(Code::unknown, "");
  std::thread stopping([&] { stopped = service.stop(); });
  while (sync_wait(callbacks->health())) std::this_thread::yield();
  go.open();
  stopping.join();
  CHECK(stopped);
  CHECK(broker.answers(1) == "1=0 ");
}

TEST_CASE("a message that hangs does not hold up stopping for ever", "[service-stream]") {
  Broker broker({event("1", "")});
  auto options = over(broker.server);
  options.stop_limit = 20ms;
  Service service(std::move(options));
  Gate begun, go;
  std::atomic<bool> asked = false;
  service.stream("bus", "orders", [&] {
    begun.open();
    (void)go.wait();
    asked = ambient_context().stop.stop_requested();
  });
  REQUIRE(service.start());
  REQUIRE(begun.wait());
  CHECK(service.stop().error().code == Code::deadline_exceeded);
  go.open();
  while (!asked) std::this_thread::yield();
  // The reference to this frame goes with the handler.
}

TEST_CASE("a message that takes its time when it is told to stop holds up no other", "[service-stream]") {
  struct Gates {
    Gate first_runs, slow_runs, last_runs, go_on, first_told, last_told;
    std::atomic<bool> lingered = false;
  };
  // Handlers that are left behind keep it.
  const auto at = std::make_shared<Gates>();
  Broker broker({event("1", ""), event("2", ""), event("3", "")});
  auto options = over(broker.server);
  options.stop_limit = 20ms;
  Service service(std::move(options));
  // One is there before the slow one, and one after it: whichever a single list would call first.
  const auto quick = [](Gate& runs, Gate& told) {
    const std::stop_callback on_stop(ambient_context().stop, [&] { told.open(); });
    runs.open();
    (void)told.wait();
  };
  service.stream("bus", "orders", [at, quick](const TopicEvent& message) {
    if (message.id == "1") return quick(at->first_runs, at->first_told);
    (void)at->first_runs.wait();
    if (message.id == "3") {
      (void)at->slow_runs.wait();
      return quick(at->last_runs, at->last_told);
    }
    const auto linger = [at] {
      (void)at->go_on.wait();
      at->lingered = true;
    };
    const std::stop_callback on_stop(ambient_context().stop, linger);
    at->slow_runs.open();
    (void)at->go_on.wait();
  });
  REQUIRE(service.start());
  REQUIRE(at->last_runs.wait());
  const auto stopped = service.stop();
  CHECK(!stopped);
  CHECK(at->first_told.wait());
  CHECK(at->last_told.wait());
  CHECK_FALSE(at->lingered);
  at->go_on.open();
}

TEST_CASE("a stream that breaks is opened again", "[service-stream]") {
  const auto log = std::make_shared<Log>();
  ScriptedServer server;
  std::atomic<int> streams = 0;
  server.on(
      "SubscribeTopicEventsAlpha1",
      [&](const std::string* message, std::size_t count) -> Reply {
        if (message == nullptr || count > 0) return {};
        if (++streams == 1) return Reply::failed({grpc::StatusCode::UNAVAILABLE, "restarting"});
        if (streams == 2) return {{consent()}, grpc::Status::OK};
        return {{consent(), event("1", "")}, std::nullopt};
      }
  );
  Service service(over(server, log));
  Gate got;
  service.stream("bus", "orders", [&] { got.open(); });
  REQUIRE(service.start());
  REQUIRE(got.wait());
  CHECK(streams == 3);
  CHECK(log->has(
      "stream of topic orders of bus ended and is opened again in 100 ms: UNAVAILABLE: restarting"
  ));
  CHECK(log->has("UNAVAILABLE: the sidecar ended it"));
  CHECK(service.stop());
}

TEST_CASE("a service whose sidecar cannot be named opens no port", "[service-stream]") {
  setenv("DAPR_GRPC_ENDPOINT", "http://", 1);
  Service service(quiet());
  service.method("m", [] {}).stream("bus", "orders", [] {});
  const auto started = service.start();
  unsetenv("DAPR_GRPC_ENDPOINT");
  CHECK(started.error().code == Code::invalid_argument);
  CHECK(service.port() == 0);
}

TEST_CASE("a service stops while its sidecar is away", "[service-stream]") {
  ScriptedServer server;
  auto options = over(server);
  server.stop();
  Service service(std::move(options));
  service.stream("bus", "orders", [] {});
  REQUIRE(service.start());
  CHECK(service.stop());
}

}  // namespace
}  // namespace mecha::test
