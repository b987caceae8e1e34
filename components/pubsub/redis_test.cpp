// The broker on Redis Streams against a real server (MECHA_TEST_REDIS).
#include "components/catalog.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/pubsub_suite.hpp"
#include "tests/redis.hpp"

namespace mecha::pubsub {
void register_redis(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::pubsub;
using namespace std::chrono_literals;

namespace {

using Place = testing::RedisPlace;

std::shared_ptr<PubSub> make(Shards& shards, const Place& place, const Place& more = {}) {
  Catalog catalog;
  register_redis(catalog);
  ComponentSpec spec;
  spec.name = "bus";
  spec.type = "pubsub.redis";
  spec.metadata = {{.name = "processingTimeout", .value = "1s"}, {.name = "redeliverInterval", .value = "200"}};
  for (const auto* list : {&place, &more}) {
    for (const auto& [name, value] : *list) spec.metadata.push_back({.name = name, .value = value});
  }
  auto made = catalog.make(spec, {shards, "bus", "pubsub.redis", "conformance", "", {}});
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made.has_value());
  return std::dynamic_pointer_cast<PubSub>(*made);
}

struct Seen {
  int count = 0, running = 0, most = 0;
  Verdict verdict = Verdict::done;
  std::chrono::milliseconds work{0};
};

asio::awaitable<Verdict> see(Seen& seen, Message) {
  seen.most = std::max(seen.most, ++seen.running);
  if (seen.work.count() > 0) co_await sleep_for(seen.work);
  --seen.running;
  ++seen.count;
  co_return seen.verdict;
}

asio::awaitable<void> until(const int& value, int wanted) {
  for (int i = 0; i < 2000 && value < wanted; ++i) co_await sleep_for(5ms);
  CHECK(value == wanted);
}

asio::awaitable<std::int64_t> pending(redis::Client& client, std::string topic) {
  auto reply = co_await client.call(redis::Command("XPENDING", topic, "conformance"));
  REQUIRE(reply.has_value());
  co_return reply->items.at(0).integer;
}

asio::awaitable<void> failures(std::shared_ptr<PubSub> bus, Shards& shards, Place place) {
  REQUIRE((co_await bus->start()).has_value());
  redis::Client client(shards, testing::redis_options(place));
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  seen.verdict = Verdict::failed;
  auto made = co_await bus->subscribe({topic, {}}, [&seen](Message m) { return see(seen, std::move(m)); });
  REQUIRE(made.has_value());
  const auto published = co_await bus->publish({topic, "x", {}, {}});
  REQUIRE(published.has_value());
  co_await until(seen.count, 1);
  std::int64_t left = 1;
  for (int i = 0; i < 2000 && left > 0; ++i) left = co_await pending(client, topic);
  CHECK(left == 0);

  // Failed after longer than the processing timeout: it stays and comes again, meanwhile too.
  seen = {};
  seen.work = 1500ms;
  const auto again = co_await bus->publish({topic, "y", {}, {}});
  REQUIRE(again.has_value());
  co_await until(seen.count, 2);
  CHECK(seen.most == 2);
  co_await (*made)->stop(3s);
  CHECK(co_await pending(client, topic) == 0);
  co_await client.close();
  co_await bus->stop();
}

asio::awaitable<void> one_at_a_time(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  const auto topic = "conformance-" + text::uuid();
  Seen seen;
  seen.work = 5ms;
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (const char* suffix : {"-a", "-b"}) {
    auto made = co_await bus->subscribe({topic + suffix, {}}, [&seen](Message m) { return see(seen, std::move(m)); });
    REQUIRE(made.has_value());
    subscriptions.push_back(*std::move(made));
  }
  for (int i = 0; i < 5; ++i) {
    for (const char* suffix : {"-a", "-b"}) {
      const auto published = co_await bus->publish({topic + suffix, "x", {}, {}});
      REQUIRE(published.has_value());
    }
  }
  co_await until(seen.count, 10);
  CHECK(seen.most == 1);
  for (auto& subscription : subscriptions) co_await subscription->stop(1s);
  co_await bus->stop();
}

asio::awaitable<void> write_until(redis::Client& client, std::string topic, bool& enough, bool& done) {
  while (!enough) {
    std::vector<redis::Command> adds;
    for (int i = 0; i < 8; ++i) adds.emplace_back("XADD", topic, "*", "data", "x");
    const auto added = co_await client.pipeline(std::move(adds));
    CHECK(added.has_value());
  }
  done = true;
}

// Under a stream of new entries: whatever the moment of the stop, nothing stays with the one that stopped.
asio::awaitable<void> stops(std::shared_ptr<PubSub> bus, Shards& shards, Place place) {
  REQUIRE((co_await bus->start()).has_value());
  redis::Client client(shards, testing::redis_options(place));
  Gate gate(shards.executor(0));
  for (int round = 0; round < 20; ++round) {
    const auto topic = "conformance-" + text::uuid();
    Seen seen;
    bool enough = false, done = false;
    auto made = co_await bus->subscribe({topic, {}}, [&seen](Message m) { return see(seen, std::move(m)); });
    REQUIRE(made.has_value());
    spawn(gate, shards.executor(0), write_until(client, topic, enough, done));
    for (int i = 0; i < 2000 && seen.count < 50; ++i) co_await sleep_for(1ms);
    co_await (*made)->stop(1s);
    const auto left = co_await client.call(redis::Command("XPENDING", topic, "conformance", "-", "+", "1000"));
    enough = true;
    REQUIRE(left.has_value());
    for (const auto& entry : left->items) CHECK(entry.items.at(2).integer >= 1000);
    for (int i = 0; i < 2000 && !done; ++i) co_await sleep_for(1ms);
    const auto removed = co_await client.call(redis::Command("DEL", topic));
    CHECK(removed.has_value());
  }
  co_await gate.close(1s);
  co_await client.close();
  co_await bus->stop();
}

asio::awaitable<void> idle_stop(std::shared_ptr<PubSub> bus) {
  REQUIRE((co_await bus->start()).has_value());
  Seen seen;
  auto made = co_await bus->subscribe({"conformance-" + text::uuid(), {}}, [&seen](Message m) { return see(seen, std::move(m)); });
  REQUIRE(made.has_value());
  co_await sleep_for(50ms);  // it waits for entries
  const auto begun = std::chrono::steady_clock::now();
  co_await (*made)->stop(5s);
  CHECK(std::chrono::steady_clock::now() - begun < 4s);  // and not when the reading, or the grace, is over
  co_await bus->stop();
}

void on(const Place& place) {
  conformance::pubsub_contract({.make = [&place](Shards& shards) { return make(shards, place); }});
  Shards shards(1);
  testing::run(shards.context(0), failures(make(shards, place), shards, place), 30s);
  testing::run(shards.context(0), stops(make(shards, place), shards, place), 60s);
  testing::run(shards.context(0), idle_stop(make(shards, place)), 30s);
}

}  // namespace

TEST_CASE("a stop gives back whatever was read and not handled", "[pubsub][redis][needs-redis]") {
  Shards shards(1);
  const auto place = testing::redis_node();
  testing::run(shards.context(0), stops(make(shards, place), shards, place), 60s);
}

TEST_CASE("a subscription that waits for entries stops at once", "[pubsub][redis][needs-redis]") {
  Shards shards(1);
  testing::run(shards.context(0), idle_stop(make(shards, testing::redis_node())), 30s);
}

TEST_CASE("pubsub.redis keeps the broker contract", "[pubsub][redis][needs-redis]") {
  conformance::pubsub_contract({.make = [](Shards& shards) { return make(shards, testing::redis_node()); }});
}

TEST_CASE("a failed entry is acknowledged unless its work took too long", "[pubsub][redis][needs-redis]") {
  Shards shards(1);
  const auto place = testing::redis_node();
  testing::run(shards.context(0), failures(make(shards, place), shards, place), 30s);
}

TEST_CASE("concurrency holds over all topics of a component", "[pubsub][redis][needs-redis]") {
  Shards shards(1);
  testing::run(shards.context(0), one_at_a_time(make(shards, testing::redis_node(), {{"concurrency", "1"}})), 30s);
}

TEST_CASE("pubsub.redis keeps all that on a cluster", "[pubsub][redis][needs-redis-cluster]") {
  on(testing::redis_cluster());
}

TEST_CASE("pubsub.redis keeps all that behind sentinels", "[pubsub][redis][needs-redis-sentinel]") {
  on(testing::redis_sentinel());
}
