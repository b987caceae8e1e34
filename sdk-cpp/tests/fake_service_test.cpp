// The fake as the sidecar of a service: handlers run as they do behind a port.

#include <atomic>

#include "catch.hpp"
#include "mecha/service.h"
#include "mecha/testing/fake.h"

namespace mecha::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("published messages reach the handlers of a service, and are settled", "[fake][service]") {
  Fake fake;
  const auto client = fake.client().blocking();
  Service service;
  std::atomic<int> taken = 0, batches = 0, unpublished = 0;
  service.topic("bus", "orders", [&](const std::string& order) {
    ++taken;
    if (!client.pubsub("bus").publish("shipped", "for " + order)) ++unpublished;
  });
  service.topic_bulk("bus", "shipped", [&](std::vector<BulkMessage<std::string>> batch) {
    batches += static_cast<int>(batch.size());
    return Verdict::success;
  });
  REQUIRE(fake.attach(service.callbacks()));
  for (int i = 0; i < 20; ++i) REQUIRE(fake.emit("bus", "orders", std::to_string(i)));
  CHECK(fake.settle());
  CHECK(taken == 20);
  CHECK(unpublished == 0);
  CHECK(batches == 20);
  CHECK(fake.published("bus", "shipped").size() == 20);
  CHECK(fake.delivered("orders").size() == 20);
  CHECK(client.metadata()->subscriptions.size() == 2);
}

TEST_CASE("a handler may publish to its own topic, and is tried again when it fails", "[fake][service]") {
  Fake fake;
  const auto client = fake.client().blocking();
  Service service;
  std::atomic<int> tries = 0;
  TopicOptions with_dead;
  with_dead.dead_letter_topic = "dead";
  service.topic("bus", "loop", [&](const std::string& left) -> Result<void> {
    if (left == "0") return {};
    return client.pubsub("bus").publish("loop", std::to_string(std::stoi(left) - 1));
  });
  service.topic("bus", "hard", [&](const std::string&) -> Result<void> {
    if (++tries < 3) return mecha::fail(Code::unavailable, "not yet");
    return {};
  });
  service.topic("bus", "bad", [](const std::string&) { return Verdict::drop; }, with_dead);
  REQUIRE(fake.attach(service.callbacks()));
  REQUIRE(fake.emit("bus", "loop", "5"));
  REQUIRE(fake.emit("bus", "hard", "x"));
  REQUIRE(fake.emit("bus", "bad", "x"));
  CHECK(fake.settle());
  CHECK(fake.delivered("loop").size() == 6);
  CHECK(tries == 3);
  CHECK(fake.delivered("hard").back().attempt == 3);
  CHECK(fake.delivered("bad").back().verdict == Verdict::drop);
}

TEST_CASE("rules are refused until the test says which hold", "[fake][service]") {
  Fake fake;
  Service service;
  std::vector<std::string> big, other;
  TopicOptions rule;
  rule.match = "event.type == 'big'";
  rule.dead_letter_topic = "unrouted";
  service.topic("bus", "orders", [&](const std::string& order) { big.push_back(order); }, rule);
  service.topic("bus", "unrouted", [&](const std::string& order) { other.push_back(order); });
  const auto refused = fake.attach(service.callbacks());
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::unimplemented);
  CHECK(refused.error().message.find("event.type == 'big'") != std::string::npos);
  CHECK(refused.error().message.find("Fake::on_rule") != std::string::npos);
  CHECK(fake.client().blocking().metadata()->subscriptions.empty());

  fake.on_rule([](const std::string& match, const TopicEvent& event) {
    return match == "event.type == 'big'" && event.type == "big";
  });
  REQUIRE(fake.attach(service.callbacks()));
  for (const auto* type : {"big", "small", "big"})
    REQUIRE(fake.emit_bytes({"bus", "orders", type, "text/plain", {{"cloudevent.type", type}}}));
  CHECK(fake.settle());
  CHECK(big == std::vector<std::string>{"big", "big"});
  CHECK(other == std::vector<std::string>{"small"});
  CHECK(fake.delivered("orders").size() == 2);
  CHECK(fake.client().blocking().metadata()->subscriptions[0].rules[0].match == "event.type == 'big'");
}

TEST_CASE("calls, events and jobs reach their handlers", "[fake][service]") {
  Fake fake;
  Service service;
  std::atomic<int> ticks = 0, jobs = 0;
  service.method("double", [](const std::string& text) { return text + text; });
  service.binding("tick", [&](const std::string&) { ++ticks; });
  service.job("clean", [&](const std::string&) { ++jobs; });
  CHECK(fake.call({"double", "ab"}).error().code == Code::failed_precondition);
  REQUIRE(fake.attach(service.callbacks()));
  CHECK(fake.call({"double", "ab"})->data == "abab");
  CHECK(fake.call({"absent"}).error().code == Code::unimplemented);
  CHECK(fake.trigger({"tick", "now"}));
  CHECK(fake.run_job({"clean"}));
  CHECK(ticks == 1);
  CHECK(jobs == 1);
}

}  // namespace
}  // namespace mecha::testing
