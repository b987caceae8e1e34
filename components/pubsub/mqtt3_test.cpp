// The broker on MQTT 3.1.1 against a real Mosquitto (MECHA_TEST_MOSQUITTO), and its settings without one.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "components/catalog.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/pubsub_suite.hpp"
#include "tests/run.hpp"

namespace mecha::pubsub {
void register_mqtt3(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::pubsub;
using namespace std::chrono_literals;

namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

std::string environment(const char* name, std::string otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

Result<std::shared_ptr<Component>> create(Shards& shards, Items items, std::string type = "pubsub.mqtt3") {
  Catalog catalog;
  register_mqtt3(catalog);
  ComponentSpec spec;
  spec.name = "bus";
  spec.type = type;
  for (auto& [name, value] : items) spec.metadata.push_back({.name = name, .value = value});
  return catalog.make(spec, {shards, "bus", type, "conformance", "", {}});
}

std::shared_ptr<PubSub> make(Shards& shards, std::string session, Items more = {}, std::string type = "pubsub.mqtt3") {
  const auto given = [&more](std::string_view name) { return std::ranges::any_of(more, [&](const auto& item) { return item.first == name; }); };
  if (!given("url")) more.emplace_back("url", environment("MECHA_TEST_MOSQUITTO", "tcp://127.0.0.1:1883"));
  more.emplace_back("consumerID", session);
  auto made = create(shards, std::move(more), type);
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  return std::dynamic_pointer_cast<PubSub>(*made);
}

struct Seen {
  std::vector<Message> messages;
  int failures = 0;
};

asio::awaitable<Verdict> see(Seen& seen, Message message) {
  if (seen.failures > 0) {
    --seen.failures;
    co_return Verdict::failed;
  }
  seen.messages.push_back(std::move(message));
  co_return Verdict::done;
}

asio::awaitable<std::unique_ptr<Subscription>> subscribe(PubSub& bus, std::string topic, Seen& seen, Metadata metadata = {}) {
  auto made = co_await bus.subscribe({std::move(topic), std::move(metadata)}, [&seen](Message m) { return see(seen, std::move(m)); });
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  co_return *std::move(made);
}

asio::awaitable<void> publish(PubSub& bus, std::string topic, std::string data, Metadata metadata = {}) {
  const auto sent = co_await bus.publish({std::move(topic), std::move(data), {}, std::move(metadata)});
  INFO((sent ? std::string() : sent.error().message));
  REQUIRE(sent.has_value());
}

asio::awaitable<void> until(std::function<bool()> condition) {
  for (int i = 0; i < 3000 && !condition(); ++i) co_await sleep_for(5ms);
  CHECK(condition());
}

asio::awaitable<void> wildcards(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto stem = "conformance-" + text::uuid();
  Seen one_level, all;
  auto plus = co_await subscribe(*bus, stem + "/+/x", one_level);
  auto hash = co_await subscribe(*bus, stem + "/deep/#", all);
  for (const char* topic : {"/a/x", "/a/y", "/deep/a/b", "/deep"}) co_await publish(*bus, stem + topic, topic);
  co_await until([&] { return one_level.messages.size() == 1 && all.messages.size() == 2; });
  CHECK(one_level.messages.at(0).topic == stem + "/a/x");
  CHECK(one_level.messages.at(0).metadata == Metadata{{"retained", "false"}});
  CHECK(all.messages.at(0).topic == stem + "/deep/a/b");
  co_await plus->stop(1s);
  co_await hash->stop(1s);
  co_await bus->stop();
}

asio::awaitable<void> retained(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  co_await publish(*bus, topic, "kept", {{"retain", "true"}});
  co_await publish(*bus, topic, "not kept");
  Seen seen;
  auto subscription = co_await subscribe(*bus, topic, seen);
  co_await until([&] { return seen.messages.size() == 1; });
  CHECK(seen.messages.at(0).data == "kept");
  CHECK(seen.messages.at(0).metadata == Metadata{{"retained", "true"}});
  co_await subscription->stop(1s);
  co_await publish(*bus, topic, "", {{"retain", "true"}});
  co_await bus->stop();
}

asio::awaitable<void> shared(std::shared_ptr<PubSub> first, std::shared_ptr<PubSub> second) {
  REQUIRE((co_await first->start()).has_value());
  REQUIRE((co_await second->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen one, other;
  auto a = co_await subscribe(*first, "$share/g/" + topic, one);
  auto b = co_await subscribe(*second, "$share/g/" + topic, other);
  for (int i = 0; i < 20; ++i) co_await publish(*first, topic, std::to_string(i));
  co_await until([&] { return one.messages.size() + other.messages.size() == 20; });
  CHECK(one.messages.size() > 0);
  CHECK(other.messages.size() > 0);
  co_await a->stop(1s);
  co_await b->stop(1s);
  co_await first->stop();
  co_await second->stop();
}

// More failures than the broker sends without an acknowledgement (20 for Mosquitto): they come again, and others still come.
asio::awaitable<void> failures(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  seen.failures = 30;
  auto subscription = co_await subscribe(*bus, topic, seen);
  for (int i = 0; i < 40; ++i) co_await publish(*bus, topic, std::to_string(i));
  co_await until([&] { return seen.messages.size() == 40; });
  co_await subscription->stop(1s);
  co_await bus->stop();
}

// The broker collects for a session that is away, unless it was told to forget the subscription.
asio::awaitable<void> sessions(std::shared_ptr<PubSub> first, std::shared_ptr<PubSub> again, std::shared_ptr<PubSub> other, std::string forget) {
  REQUIRE((co_await first->start()).has_value());
  REQUIRE((co_await other->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen before, after;
  auto subscription = co_await subscribe(*first, topic, before, {{"unsubscribeOnClose", forget}});
  co_await subscription->stop(1s);
  co_await first->stop();
  co_await publish(*other, topic, "meanwhile");
  REQUIRE((co_await again->start()).has_value());
  co_await sleep_for(50ms);  // what the broker kept arrives before the subscription
  subscription = co_await subscribe(*again, topic, after);
  co_await publish(*other, topic, "now");
  const std::size_t expected = forget == "true" ? 1 : 2;
  co_await until([&] { return after.messages.size() == expected; });
  co_await sleep_for(20ms);
  CHECK(after.messages.size() == expected);
  CHECK(after.messages.back().data == "now");
  co_await subscription->stop(1s);
  co_await again->stop();
  co_await other->stop();
}

std::string file(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string start_error(Items items) {
  Shards shards(1);
  auto made = create(shards, std::move(items));
  if (!made) return made.error().message;
  const auto started = testing::run(shards.context(0), (*made)->start());
  testing::run(shards.context(0), (*made)->stop());
  return started ? std::string() : started.error().message;
}

}  // namespace

TEST_CASE("pubsub.mqtt3 keeps the broker contract", "[pubsub][mqtt][needs-mosquitto]") {
  for (const char* qos : {"1", "2"}) {
    DYNAMIC_SECTION("quality of service " << qos) {
      const auto session = "c-" + text::uuid();
      const auto again = [session, qos](Shards& shards) { return make(shards, session, {{"qos", qos}}); };
      conformance::pubsub_contract({.make = again, .metadata = false});
    }
  }
}

TEST_CASE("wildcards, retained messages and shared subscriptions of MQTT", "[pubsub][mqtt][needs-mosquitto]") {
  Shards shards(1);
  const auto fresh = [&shards] { return make(shards, "c-" + text::uuid(), {{"cleanSession", "true"}}, "pubsub.mqtt"); };
  testing::run(shards.context(0), wildcards(fresh()), 30s);
  testing::run(shards.context(0), retained(fresh()), 30s);
  testing::run(shards.context(0), shared(fresh(), fresh()), 30s);
}

TEST_CASE("failed messages come again and do not use up the window of the broker", "[pubsub][mqtt][needs-mosquitto]") {
  Shards shards(1);
  testing::run(shards.context(0), failures(make(shards, "c-" + text::uuid())), 40s);
}

TEST_CASE("a session outlives its connection unless unsubscribeOnClose", "[pubsub][mqtt][needs-mosquitto]") {
  for (const char* forget : {"false", "true"}) {
    Shards shards(1);
    const auto session = "c-" + text::uuid();
    testing::run(shards.context(0), sessions(make(shards, session), make(shards, session), make(shards, "c-" + text::uuid()), forget), 30s);
  }
}

TEST_CASE("MQTT over TLS", "[pubsub][mqtt][needs-mosquitto]") {
  Shards shards(1);
  const auto ca = file(environment("MECHA_TEST_TLS_DIR", "") + "/ca.crt");
  const auto fresh = [&] { return make(shards, "c-" + text::uuid(), {{"url", environment("MECHA_TEST_MOSQUITTO_TLS", "")}, {"caCert", ca}}); };
  testing::run(shards.context(0), shared(fresh(), fresh()), 30s);
}

TEST_CASE("settings of pubsub.mqtt3 that cannot work are refused", "[pubsub][mqtt]") {
  CHECK(start_error({}).find("url") != std::string::npos);
  CHECK(start_error({{"url", "http://x"}}).find("mqtt pub sub error: url must begin with") != std::string::npos);
  CHECK(start_error({{"url", "tcp://x"}, {"qos", "3"}}).find("qos must be between 0 and 2") != std::string::npos);
  CHECK(start_error({{"url", "ssl://x"}, {"clientCert", "x"}}).find("need each other") != std::string::npos);
  CHECK(start_error({{"url", "tcp://127.0.0.1:1"}}).find("failed to establish connection to broker: ") == 0);
}
