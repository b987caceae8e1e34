// The broker on RabbitMQ against a real server (MECHA_TEST_RABBITMQ), and its settings without one.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "components/catalog.hpp"
#include "components/pubsub/pubsub.hpp"
#include "components/rabbitmq/consumer.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/pubsub_suite.hpp"
#include "tests/run.hpp"

namespace mecha::pubsub {
void register_rabbitmq(Catalog& catalog);
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
std::string server() { return environment("MECHA_TEST_RABBITMQ", "amqp://127.0.0.1:5672"); }

Result<std::shared_ptr<Component>> create(Shards& shards, Items items) {
  Catalog catalog;
  register_rabbitmq(catalog);
  ComponentSpec spec;
  spec.name = "bus";
  spec.type = "pubsub.rabbitmq";
  for (auto& [name, value] : items) spec.metadata.push_back({.name = name, .value = value});
  return catalog.make(spec, {shards, "bus", "pubsub.rabbitmq", "conformance", "", {}});
}

std::shared_ptr<PubSub> make(Shards& shards, Items more = {}) {
  more.insert(more.begin(), {"connectionString", server()});
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
  Verdict verdict = Verdict::done;
};

asio::awaitable<Verdict> see(Seen& seen, Message message) {
  seen.messages.push_back(std::move(message));
  co_return seen.verdict;
}

Handler into(Seen& seen) {
  return [&seen](Message m) { return see(seen, std::move(m)); };
}

asio::awaitable<std::unique_ptr<Subscription>> subscribe(PubSub& bus, std::string topic, Metadata metadata, Seen& seen) {
  auto made = co_await bus.subscribe({std::move(topic), std::move(metadata)}, into(seen));
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  co_return *std::move(made);
}

asio::awaitable<void> until(std::function<bool()> condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) co_await sleep_for(5ms);
  CHECK(condition());
}

asio::awaitable<void> publish(PubSub& bus, std::string topic, std::string data, Metadata metadata = {}) {
  const auto sent = co_await bus.publish({std::move(topic), std::move(data), {}, std::move(metadata)});
  INFO((sent ? std::string() : sent.error().message));
  REQUIRE(sent.has_value());
}

// The messages of a queue, read past the component.
struct Look {
  std::vector<rabbitmq::Delivery> found;
};
asio::awaitable<rabbitmq::Settle> note(Look& look, rabbitmq::Delivery delivery) {
  look.found.push_back(std::move(delivery));
  co_return rabbitmq::Settle::acknowledge;
}
Async<void> nothing(std::shared_ptr<rabbitmq::Channel>) { co_return Result<void>{}; }

asio::awaitable<std::vector<rabbitmq::Delivery>> read_queue(std::string queue, std::size_t count) {
  Look look;
  auto options = std::make_shared<const rabbitmq::Options>(*rabbitmq::make_options(*rabbitmq::parse_address(server()), {}, false));
  rabbitmq::ConsumerOptions how{.queue = std::move(queue), .tag = text::uuid(), .prepare = nothing};
  rabbitmq::Consumer consumer(co_await asio::this_coro::executor, options, std::move(how), {}, [&look](rabbitmq::Delivery d) {
    return note(look, std::move(d));
  });
  const auto started = co_await consumer.start(10s);
  REQUIRE(started.has_value());
  co_await until([&] { return look.found.size() >= count; });
  co_await consumer.stop(1s);
  co_return std::move(look.found);
}

asio::awaitable<void> dead_letters(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  seen.verdict = Verdict::failed;
  auto subscription = co_await subscribe(*bus, topic, {}, seen);
  co_await publish(*bus, topic, "unlucky", {{"messageID", "7"}, {"type", "t"}, {"contentType", "a/b"}});
  const auto dead = co_await read_queue("dlq-conformance-" + topic, 1);
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].body == "unlucky");
  CHECK(dead[0].properties.message_id == "7");
  CHECK(dead[0].properties.type == "t");
  CHECK(dead[0].properties.content_type == "a/b");
  CHECK(dead[0].properties.delivery_mode == 2);
  CHECK(seen.messages.size() == 1);
  co_await subscription->stop(1s);
  co_await bus->stop();
}

// A subscription keeps its queue while nobody reads it; what then waits is expired, or ordered by priority.
asio::awaitable<void> waiting_messages(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  const Metadata metadata{{"maxPriority", "10"}, {"queueName", topic + "-q"}};
  Seen seen;
  auto first = co_await subscribe(*bus, topic, metadata, seen);
  co_await first->stop(1s);
  co_await publish(*bus, topic, "expired", {{"ttlInSeconds", "1ms"}});
  co_await publish(*bus, topic, "low", {{"priority", "1"}});
  co_await publish(*bus, topic, "high", {{"priority", "9"}});
  co_await sleep_for(50ms);
  auto second = co_await subscribe(*bus, topic, metadata, seen);
  co_await until([&] { return seen.messages.size() >= 2; });
  REQUIRE(seen.messages.size() == 2);
  CHECK(seen.messages[0].data == "high");
  CHECK(seen.messages[1].data == "low");
  co_await second->stop(1s);
  co_await bus->stop();
}

asio::awaitable<void> routing(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  auto subscription = co_await subscribe(*bus, topic, {{"routingKey", "a,b"}}, seen);
  for (const char* key : {"c", "a", "", "b"}) co_await publish(*bus, topic, key, {{"routingKey", key}, {"correlationID", "5"}});
  co_await until([&] { return seen.messages.size() == 2; });
  std::string got;
  for (const auto& m : seen.messages) got += m.data;
  CHECK((got == "ab" || got == "ba"));
  CHECK(seen.messages.at(0).metadata == Metadata{{"metadata.contenttype", "text/plain"}, {"metadata.correlationid", "5"}});
  co_await subscription->stop(1s);
  co_await bus->stop();
}

asio::awaitable<void> refused(std::shared_ptr<PubSub> bus, std::shared_ptr<PubSub> other_kind) {
  REQUIRE((co_await bus->start()).has_value());
  REQUIRE((co_await other_kind->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  co_await publish(*bus, topic, "x");
  Seen seen;
  const auto bad = co_await bus->subscribe({topic, {{"queueType", "stream"}}}, into(seen));
  CHECK_FALSE(bad.has_value());
  const auto sent = co_await other_kind->publish({topic, "x", {}, {}});
  REQUIRE_FALSE(sent.has_value());
  CHECK(sent.error().message.find("PRECONDITION_FAILED") != std::string::npos);
  co_await bus->stop();
  co_await other_kind->stop();
}

asio::awaitable<void> round_trip(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  auto subscription = co_await subscribe(*bus, topic, {}, seen);
  const std::string large(1'000'000, 'l');
  co_await publish(*bus, topic, large);
  co_await until([&] { return seen.messages.size() == 1; });
  CHECK(seen.messages.at(0).data == large);
  co_await subscription->stop(1s);
  co_await bus->stop();
}

std::string file(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("pubsub.rabbitmq keeps the broker contract, messages at once", "[pubsub][rabbitmq][needs-rabbitmq]") {
  conformance::pubsub_contract(
      {.make = [](Shards& shards) { return make(shards, {{"deletedWhenUnused", "false"}, {"publisherConfirm", "true"}}); },
       .metadata = false}
  );
}

TEST_CASE("pubsub.rabbitmq keeps the broker contract, one message at a time", "[pubsub][rabbitmq][needs-rabbitmq]") {
  const Items items{{"deletedWhenUnused", "false"}, {"concurrencyMode", "single"}, {"prefetchCount", "1"}, {"requeueInFailure", "true"}};
  conformance::pubsub_contract(
      {.make = [items](Shards& shards) { return make(shards, items); }, .redelivers_failed = true, .metadata = false, .parallel = false}
  );
}

TEST_CASE("a failed message becomes a dead letter of RabbitMQ", "[pubsub][rabbitmq][needs-rabbitmq]") {
  Shards shards(1);
  testing::run(
      shards.context(0), dead_letters(make(shards, {{"enableDeadLetter", "true"}, {"deletedWhenUnused", "no"}, {"deliveryMode", "2"}})), 30s
  );
}

TEST_CASE("time to live and priority on RabbitMQ", "[pubsub][rabbitmq][needs-rabbitmq]") {
  Shards shards(1);
  testing::run(
      shards.context(0),
      waiting_messages(make(shards, {{"deletedWhenUnused", "false"}, {"publisherConfirm", "true"}, {"concurrencyMode", "single"}})), 30s
  );
}

TEST_CASE("routing keys and properties on RabbitMQ", "[pubsub][rabbitmq][needs-rabbitmq]") {
  Shards shards(1);
  testing::run(
      shards.context(0),
      routing(make(shards, {{"exchangeKind", "direct"}, {"publishMessagePropertiesToMetadata", "true"}})), 30s
  );
}

TEST_CASE("what RabbitMQ refuses is told in its words", "[pubsub][rabbitmq][needs-rabbitmq]") {
  Shards shards(1);
  const Items keep{{"deletedWhenUnused", "false"}, {"publisherConfirm", "true"}};
  Items direct = keep;
  direct.push_back({"exchangeKind", "direct"});
  testing::run(shards.context(0), refused(make(shards, keep), make(shards, direct)), 30s);
}

TEST_CASE("RabbitMQ over TLS, with large messages", "[pubsub][rabbitmq][needs-rabbitmq]") {
  Shards shards(1);
  const auto ca = file(environment("MECHA_TEST_TLS_DIR", "") + "/ca.crt");
  auto made = create(shards, {{"connectionString", environment("MECHA_TEST_RABBITMQ_TLS", "")}, {"caCert", ca}});
  REQUIRE(made.has_value());
  testing::run(shards.context(0), round_trip(std::dynamic_pointer_cast<PubSub>(*made)), 30s);
}

TEST_CASE("settings of pubsub.rabbitmq that cannot work are refused", "[pubsub][rabbitmq]") {
  CHECK(start_error({{"connectionString", "http://x"}}).find("must begin with amqp://") != std::string::npos);
  CHECK(start_error({{"connectionString", "amqp://x"}, {"protocol", "amqps"}}).find("contradicts") != std::string::npos);
  CHECK(start_error({{"deliveryMode", "3"}}).find("deliveryMode must be between 0 and 2") != std::string::npos);
  CHECK(start_error({{"concurrencyMode", "some"}}).find("concurrencyMode") != std::string::npos);
  CHECK(start_error({{"connectionString", "amqp://x"}, {"ttlInSeconds", "-1"}}) ==
        "rabbitmq pub/sub error: parse RabbitMQ ttl metadata with error: ttlInSeconds value must be higher than zero: actual is '-1'");
  CHECK(start_error({{"connectionString", "amqps://x"}, {"saslExternal", "true"}}).find("needs caCert") != std::string::npos);
  CHECK(start_error({{"connectionString", "amqps://x"}, {"clientCert", "x"}}).find("need each other") != std::string::npos);
}
