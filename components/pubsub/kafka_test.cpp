// The Kafka broker against a real server (MECHA_TEST_KAFKA), and its settings without one.
#include <cstdlib>

#include "components/catalog.hpp"
#include "components/kafka/retry.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/pubsub_suite.hpp"
#include "tests/run.hpp"

namespace mecha::pubsub {
void register_kafka(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::pubsub;
using namespace std::chrono_literals;

namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

std::string server() {
  const char* address = std::getenv("MECHA_TEST_KAFKA");
  return address == nullptr ? "127.0.0.1:9092" : address;
}

Result<std::shared_ptr<Component>> create(Shards& shards, Items more) {
  Catalog catalog;
  register_kafka(catalog);
  ComponentSpec spec;
  spec.name = "bus";
  spec.type = "pubsub.kafka";
  for (auto& [name, value] : more) spec.metadata.push_back({.name = name, .value = value});
  return catalog.make(spec, {shards, "bus", "pubsub.kafka", "conformance", "", {}});
}

std::shared_ptr<PubSub> make(Shards& shards, std::string group, Items more = {}) {
  more.insert(more.end(), {{"brokers", server()}, {"authType", "none"}, {"consumerGroup", group}, {"backOffDuration", "50ms"}});
  auto made = create(shards, std::move(more));
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  return std::dynamic_pointer_cast<PubSub>(*made);
}

std::string start_error(Items items) {
  Shards shards(1);
  auto made = create(shards, std::move(items));
  if (!made) return made.error().message;
  const auto started = testing::run(shards.context(0), (*made)->start());
  return started ? std::string() : started.error().message;
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

asio::awaitable<void> metadata(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  auto made = co_await bus->subscribe({topic, {}}, [&seen](Message m) { return see(seen, std::move(m)); });
  REQUIRE(made.has_value());
  const auto first = co_await bus->publish({topic, "x", {}, Metadata{{"partitionKey", "k"}, {"a", "b"}, {"x-internal", "no"}}});
  REQUIRE(first.has_value());
  const auto tombstone = co_await bus->publish({topic, "null", {}, Metadata{{"partitionKey", "k"}}});
  REQUIRE(tombstone.has_value());
  for (int i = 0; i < 2000 && seen.messages.size() < 2; ++i) co_await sleep_for(5ms);
  REQUIRE(seen.messages.size() == 2);
  const auto& got = *seen.messages[0].metadata;
  CHECK(got.at("__key") == "k");
  CHECK(got.at("partitionKey") == "k");
  CHECK(got.at("a") == "b");
  CHECK_FALSE(got.contains("x-internal"));
  CHECK(got.at("__topic") == topic);
  CHECK(got.at("__offset") == "0");
  CHECK(got.contains("__partition"));
  CHECK(got.contains("__timestamp"));
  CHECK(seen.messages[1].data == "null");
  // An empty key is a key.
  for (const auto& [data, key] : {std::pair{"empty", Metadata{{"partitionKey", ""}}}, std::pair{"none", Metadata{}}}) {
    const auto sent = co_await bus->publish({topic, data, {}, key});
    REQUIRE(sent.has_value());
  }
  for (int i = 0; i < 2000 && seen.messages.size() < 4; ++i) co_await sleep_for(5ms);
  REQUIRE(seen.messages.size() == 4);
  for (const auto& message : seen.messages) {
    if (message.data == "empty") CHECK(message.metadata->at("__key").empty());
    if (message.data == "none") CHECK_FALSE(message.metadata->contains("__key"));
  }
  const auto nowhere = co_await bus->publish({topic, "x", {}, Metadata{{"partitionNumber", "-1"}}});
  CHECK_FALSE(nowhere.has_value());
  co_await (*made)->stop(5s);
  co_await bus->stop();
}

asio::awaitable<void> skipping(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  seen.failures = 1;
  auto made = co_await bus->subscribe({topic, {}}, [&seen](Message m) { return see(seen, std::move(m)); });
  REQUIRE(made.has_value());
  for (const char* data : {"lost", "kept"}) {
    const auto sent = co_await bus->publish({topic, data, {}, Metadata{{"partitionKey", "k"}}});
    REQUIRE(sent.has_value());
  }
  for (int i = 0; i < 2000 && seen.messages.empty(); ++i) co_await sleep_for(5ms);
  REQUIRE(seen.messages.size() == 1);
  CHECK(seen.messages[0].data == "kept");
  co_await (*made)->stop(5s);
  co_await bus->stop();
}

}  // namespace

TEST_CASE("pubsub.kafka keeps the broker contract", "[pubsub][kafka][needs-kafka]") {
  const auto group = "conformance-" + text::uuid();
  conformance::pubsub_contract(
      {.make = [group](Shards& shards) { return make(shards, group); }, .redelivers_failed = true, .patience = 40s}
  );
}

TEST_CASE("metadata travel as headers, keys and positions as metadata", "[pubsub][kafka][needs-kafka]") {
  Shards shards(1);
  testing::run(shards.context(0), metadata(make(shards, "g-" + text::uuid(), {{"excludeHeaderMetaRegex", "^x-"}})), 60s);
}

TEST_CASE("without retries a failed message is skipped", "[pubsub][kafka][needs-kafka]") {
  Shards shards(1);
  testing::run(shards.context(0), skipping(make(shards, "g-" + text::uuid(), {{"consumeRetryEnabled", "false"}})), 60s);
}

TEST_CASE("settings of pubsub.kafka that cannot work are refused", "[pubsub][kafka]") {
  CHECK(start_error({{"authType", "none"}}).find("missing 'brokers' attribute") != std::string::npos);
  const std::string pem = "-----BEGIN CERTIFICATE-----";
  const std::vector<std::pair<Items, std::string>> rows{
      {{}, "kafka error: 'authType' attribute was missing or empty"},
      {{{"authType", "some"}}, "kafka error: invalid value for 'authType' attribute"},
      {{{"authRequired", "some"}}, "kafka error: invalid value for 'authRequired' attribute"},
      {{{"authType", "password"}}, "kafka error: missing SASL Username for authType 'password'"},
      {{{"authType", "certificate"}}, "missing CA certificate property 'caCert' for authType 'certificate'"},
      {{{"authType", "none"}, {"caCert", "x"}}, "kafka error: invalid ca certificate"},
      {{{"authType", "mtls"}, {"clientCert", "x"}}, "kafka error: invalid client certificate"},
      {{{"authType", "mtls"}, {"clientKey", "x"}}, "kafka error: invalid client key"},
      {{{"authType", "mtls"}, {"clientCert", pem}}, "kafka error: clientKey or clientCert is missing"},
      {{{"authType", "oidc"}, {"oidcTokenEndpoint", "http://x"}, {"oidcClientID", "c"}, {"oidcClientSecret", "s"}, {"oidcExtensions", "{}"}},
       "kafka error: improper OIDC Extensions format for authType 'oidc'"},
      {{{"authType", "none"}, {"version", "2.0"}}, "kafka error: invalid kafka version"},
      {{{"authType", "none"}, {"version", "0.11.0"}}, "kafka error: invalid kafka version"},
      {{{"authType", "none"}, {"consumeRetryInterval", "soon"}}, "kafka error: invalid value for 'consumeRetryInterval' attribute: soon"},
  };
  for (auto [items, text] : rows) {
    items.emplace_back("brokers", "127.0.0.1:1");
    CHECK(start_error(items) == text);
  }
}

TEST_CASE("pauses between attempts", "[pubsub][kafka]") {
  kafka::Retry retry;
  CHECK(retry.next(1000, 24h) == 5s);
  retry.retries_max = 2;
  CHECK(retry.next(2, 0s) == 5s);
  CHECK_FALSE(retry.next(3, 0s).has_value());
  retry = {.exponential = true, .pause = 100ms, .pause_max = 1s, .multiplier = 10, .randomization = 0};
  CHECK(retry.next(1, 0s) == 100ms);
  CHECK(retry.next(2, 0s) == 1s);
  CHECK(retry.next(9, 0s) == 1s);
  CHECK_FALSE(retry.next(2, 16min).has_value());
}
