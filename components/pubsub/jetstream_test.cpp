// The broker on NATS JetStream against a real server (MECHA_TEST_NATS), and its settings without one.
#include <cstdlib>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "components/catalog.hpp"
#include "components/pubsub/jetstream_feed.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/pubsub_suite.hpp"
#include "tests/run.hpp"

namespace mecha::pubsub {
void register_jetstream(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::pubsub;
using namespace std::chrono_literals;

namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

std::string server() {
  const char* address = std::getenv("MECHA_TEST_NATS");
  return address == nullptr ? "nats://127.0.0.1:4222" : address;
}

Result<std::shared_ptr<Component>> create(Shards& shards, Items items) {
  Catalog catalog;
  register_jetstream(catalog);
  ComponentSpec spec;
  spec.name = "bus";
  spec.type = "pubsub.jetstream";
  for (auto& [name, value] : items) spec.metadata.push_back({.name = name, .value = value});
  return catalog.make(spec, {shards, "bus", "pubsub.jetstream", "conformance", "", {}});
}

// Everything that the tests publish is in one stream.
asio::awaitable<void> make_stream() {
  auto options = std::make_shared<const nats::Options>(*nats::parse_servers(server()));
  auto opened = co_await nats::Connection::open(co_await asio::this_coro::executor, options);
  REQUIRE(opened.has_value());
  const auto connection = *std::move(opened);
  json::Object config{{"name", "MECHA"}, {"subjects", json::Array{"*", "conformance.>"}}, {"storage", "file"}};
  const auto made = co_await ask_jetstream(connection, "$JS.API.STREAM.CREATE.MECHA", std::move(config));
  INFO((made ? std::string() : made.error().message));
  CHECK(made.has_value());
  co_await connection->close();
}

std::shared_ptr<PubSub> make(Shards& shards, Items more = {}) {
  testing::run(shards.context(0), make_stream());
  more.insert(more.begin(), {"natsURL", server()});
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
  testing::run(shards.context(0), (*made)->stop());
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

asio::awaitable<std::unique_ptr<Subscription>> subscribe(PubSub& bus, std::string topic, Seen& seen) {
  auto made = co_await bus.subscribe({std::move(topic), {}}, [&seen](Message m) { return see(seen, std::move(m)); });
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  co_return *std::move(made);
}

asio::awaitable<void> publish(PubSub& bus, std::string topic, std::string data) {
  const auto sent = co_await bus.publish({std::move(topic), std::move(data), {}, {}});
  INFO((sent ? std::string() : sent.error().message));
  REQUIRE(sent.has_value());
}

asio::awaitable<void> until(std::function<bool()> condition) {
  for (int i = 0; i < 3000 && !condition(); ++i) co_await sleep_for(5ms);
  CHECK(condition());
}

std::string all(const Seen& seen) {
  std::string texts;
  for (const auto& m : seen.messages) texts += m.data + " ";
  return texts;
}

asio::awaitable<void> positions(std::shared_ptr<PubSub> everything, std::shared_ptr<PubSub> newest) {
  REQUIRE((co_await everything->start()).has_value());
  REQUIRE((co_await newest->start()).has_value());
  const auto stem = "conformance." + text::uuid();
  co_await publish(*everything, stem + ".a", "1");
  Seen history, fresh;
  auto first = co_await subscribe(*everything, stem + ".*", history);
  auto second = co_await subscribe(*newest, stem + ".*", fresh);
  co_await publish(*everything, stem + ".b", "2");
  co_await until([&] { return history.messages.size() == 2 && fresh.messages.size() == 1; });
  CHECK(all(history) == "1 2 ");
  CHECK(all(fresh) == "2 ");
  CHECK(history.messages.at(1).metadata == Metadata{{"Topic", stem + ".b"}});
  CHECK(history.messages.at(1).topic == stem + ".b");
  co_await first->stop(1s);
  co_await second->stop(1s);
  co_await everything->stop();
  co_await newest->stop();
}

asio::awaitable<void> duplicates(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  auto subscription = co_await subscribe(*bus, topic, seen);
  const auto event = R"({"id":")" + text::uuid() + R"("})";
  for (int i = 0; i < 2; ++i) co_await publish(*bus, topic, event);
  co_await publish(*bus, topic, "end");
  co_await until([&] { return seen.messages.size() >= 2; });
  CHECK(all(seen) == event + " end ");
  co_await subscription->stop(1s);
  co_await bus->stop();
}

// Two of a group share, also if they come at once and neither finds the consumer; the named consumer remembers what was handled.
asio::awaitable<void> groups(std::shared_ptr<PubSub> one, std::shared_ptr<PubSub> other) {
  using namespace asio::experimental::awaitable_operators;
  REQUIRE((co_await one->start()).has_value());
  REQUIRE((co_await other->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen a, b;
  auto both = co_await (subscribe(*one, topic, a) && subscribe(*other, topic, b));
  auto& [first, second] = both;
  for (int i = 0; i < 30; ++i) co_await publish(*one, topic, "x");
  co_await until([&] { return a.messages.size() + b.messages.size() == 30; });
  CHECK(a.messages.size() > 0);
  CHECK(b.messages.size() > 0);
  co_await first->stop(1s);
  co_await second->stop(1s);
  co_await publish(*one, topic, "later");
  Seen c;
  auto third = co_await subscribe(*one, topic, c);
  co_await until([&] { return !c.messages.empty(); });
  CHECK(all(c) == "later ");
  co_await third->stop(1s);
  co_await one->stop();
  co_await other->stop();
}

asio::awaitable<Verdict> never(int& begun, Message) {
  ++begun;
  (void)co_await sleep_for(1h);
  co_return Verdict::abandoned;
}

// Its time for an answer would be over after 30 s only.
asio::awaitable<void> given_back(std::shared_ptr<PubSub> one, std::shared_ptr<PubSub> other) {
  REQUIRE((co_await one->start()).has_value());
  REQUIRE((co_await other->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  int begun = 0;
  auto made = co_await one->subscribe({topic, {}}, [&begun](Message m) { return never(begun, std::move(m)); });
  REQUIRE(made.has_value());
  for (const auto* text : {"1", "2", "3"}) co_await publish(*other, topic, text);
  co_await until([&] { return begun == 1; });
  co_await (*made)->stop(0s);
  Seen later;
  auto second = co_await subscribe(*other, topic, later);
  co_await until([&] { return later.messages.size() >= 2; });
  CHECK(all(later).find("2 ") != std::string::npos);
  CHECK(all(later).find("3 ") != std::string::npos);
  co_await second->stop(1s);
  co_await one->stop();
  co_await other->stop();
}

asio::awaitable<void> refused(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  Seen seen;
  const auto nowhere = co_await bus->publish({"else.where", "x", {}, {}});
  REQUIRE_FALSE(nowhere.has_value());
  CHECK(nowhere.error().message == "nats: no response from stream");
  const auto injected = co_await bus->publish({"conformance-x\r\nPUB y 0", "x", {}, {}});
  REQUIRE_FALSE(injected.has_value());
  CHECK(injected.error().message.find("invalid subject") != std::string::npos);
  auto none = co_await bus->subscribe({"else.where", {}}, [&seen](Message m) { return see(seen, std::move(m)); });
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().message.find("nats: no stream matches subject") != std::string::npos);
  const auto large = co_await bus->publish({"conformance-x", std::string(2'000'000, 'x'), {}, {}});
  REQUIRE_FALSE(large.has_value());
  CHECK(large.error().message.find("maximum payload exceeded") != std::string::npos);
  co_await bus->stop();
}

}  // namespace

TEST_CASE("pubsub.jetstream keeps the broker contract, one message at a time", "[pubsub][jetstream][needs-nats]") {
  const Items items{{"durableName", "d-" + text::uuid()}, {"ackWait", "2s"}, {"maxAckPending", "1"}};
  conformance::pubsub_contract(
      {.make = [items](Shards& shards) { return make(shards, items); }, .redelivers_failed = true, .metadata = false, .parallel = false}
  );
}

TEST_CASE("pubsub.jetstream keeps the broker contract, messages at once", "[pubsub][jetstream][needs-nats]") {
  const auto group = "g-" + text::uuid();
  conformance::pubsub_contract(
      {.make = [group](Shards& shards) { return make(shards, {{"queueGroupName", group}, {"concurrency", "parallel"}, {"ackWait", "1s"}, {"heartbeat", "500ms"}}); },
       .metadata = false}
  );
}

TEST_CASE("where consumers of JetStream begin", "[pubsub][jetstream][needs-nats]") {
  Shards shards(1);
  testing::run(shards.context(0), positions(make(shards, {{"heartbeat", "200ms"}, {"flowControl", "true"}}), make(shards, {{"deliverPolicy", "new"}})), 30s);
}

TEST_CASE("JetStream drops what was sent twice", "[pubsub][jetstream][needs-nats]") {
  Shards shards(1);
  testing::run(shards.context(0), duplicates(make(shards)), 30s);
}

TEST_CASE("groups and named consumers of JetStream", "[pubsub][jetstream][needs-nats]") {
  Shards shards(1);
  const Items items{{"queueGroupName", "g-" + text::uuid()}, {"ackPolicy", "explicit"}};
  testing::run(shards.context(0), groups(make(shards, items), make(shards, items)), 30s);
}

TEST_CASE("what JetStream refuses is told", "[pubsub][jetstream][needs-nats]") {
  Shards shards(1);
  testing::run(shards.context(0), refused(make(shards)), 30s);
}

TEST_CASE("settings of pubsub.jetstream that cannot work are refused", "[pubsub][jetstream]") {
  CHECK(start_error({}) == "missing nats URL");
  CHECK(start_error({{"natsURL", "http://x"}}).find("must begin with nats://") != std::string::npos);
  CHECK(start_error({{"natsURL", "nats://x"}, {"jwt", "x"}}).find("jwt and seedKey are not supported") != std::string::npos);
  CHECK(start_error({{"natsURL", "nats://x"}, {"tls_client_cert", "x"}}).find("tls_client_cert") != std::string::npos);
  CHECK(start_error({{"natsURL", "nats://x"}, {"deliverPolicy", "some"}}).find("deliverPolicy must be one of all, last, new, sequence, time") != std::string::npos);
  CHECK(start_error({{"natsURL", "nats://x"}, {"backOff", "1s,soon"}}).find("backOff") != std::string::npos);
  CHECK(start_error({{"natsURL", "nats://127.0.0.1:1"}}).find("jetstream error: connecting to nats at ") == 0);
}

TEST_CASE("what waits when a subscription to JetStream stops comes again at once", "[pubsub][jetstream][needs-nats]") {
  Shards shards(1);
  const Items items{{"queueGroupName", "g-" + text::uuid()}, {"durableName", "d-" + text::uuid()}, {"ackPolicy", "explicit"}};
  testing::run(shards.context(0), given_back(make(shards, items), make(shards, items)), 30s);
}
