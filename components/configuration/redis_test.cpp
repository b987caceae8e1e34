// configuration.redis: the conformance suite against a real server (MECHA_TEST_REDIS=host:port), items, lost connections.

#include <algorithm>

#include "components/configuration/redis_subscription.hpp"
#include "tests/conformance/configuration_store_suite.hpp"
#include "tests/redis.hpp"

namespace mecha::configuration {
void register_redis(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::configuration;
using conformance::Stage;

namespace {

using Place = testing::RedisPlace;

Place node() {
  auto place = testing::redis_node();
  place.emplace_back("redisDB", "11");
  return place;
}

struct World {
  explicit World(const Place& place) : redis(place) {
    std::vector<NameValue> metadata;
    for (const auto& [name, value] : place) metadata.push_back({name, value});
    auto started = stage.start<ConfigurationStore>("configuration.redis", metadata);
    INFO((started ? "" : started.error().message));
    REQUIRE(started);
    store = *started;
  }

  testing::Redis redis;
  Stage stage{configuration::register_redis};
  std::shared_ptr<ConfigurationStore> store;
};

void keeps_the_promises(const Place& place) {
  World world(place);
  conformance::ConfigurationTraits traits;
  traits.write = [&](const std::string& key, const std::string& value, const std::string& version) {
    world.redis("SET", key, value + "||" + version);
  };
  traits.remove = [&](const std::string& key) { world.redis("DEL", key); };
  conformance::configuration_store(world.stage, *world.store, traits, text::uuid() + ":");
}

void goes_on(const Place& place, std::vector<std::string> keys) {
  World world(place);
  std::vector<Items> heard;
  const auto handler = [&heard](Items items) -> asio::awaitable<void> {
    heard.push_back(std::move(items));
    co_return;
  };
  auto subscription = world.stage.run(world.store->subscribe({.keys = keys}, handler));
  REQUIRE(subscription);
  if (keys.empty()) keys = {text::uuid(), text::uuid(), text::uuid(), text::uuid(), text::uuid()};
  for (int round = 0; round < 2; ++round) {
    for (const auto& key : keys) {
      heard.clear();
      const auto heard_of_it = [&] {
        world.redis("SET", key, "v||1");
        world.stage.run_for(std::chrono::milliseconds(20));
        return std::ranges::any_of(heard, [&](const Items& items) { return items.contains(key); });
      };
      CHECK(testing::eventually(heard_of_it));
    }
    // Ends the connections of all subscribers of the servers.
    world.redis.everywhere("CLIENT", "KILL", "TYPE", "pubsub");
  }
  world.stage.run((*subscription)->stop());
  for (const auto& key : keys) world.redis("DEL", key);
}

}  // namespace

TEST_CASE("an item is a value and a version", "[configuration][redis]") {
  CHECK(parse_item("v").value == "v");
  CHECK(parse_item("v").version.empty());
  CHECK(parse_item("v||1").version == "1");
  CHECK(parse_item("x||y||z").version == "y");
  CHECK(parse_item("||3").value.empty());
  CHECK(parse_item("v|").value == "v|");
}

TEST_CASE("a configuration store on Redis keeps the promises of such stores", "[configuration][redis][needs-redis]") {
  keeps_the_promises(node());
}

TEST_CASE("a configuration store on a Redis cluster keeps them too", "[configuration][redis][needs-redis-cluster]") {
  keeps_the_promises(testing::redis_cluster());
}

TEST_CASE("a configuration store behind Redis sentinels keeps them too", "[configuration][redis][needs-redis-sentinel]") {
  keeps_the_promises(testing::redis_sentinel());
  goes_on(testing::redis_sentinel(), {text::uuid()});
}

TEST_CASE("what is no text or has no value is no configuration item", "[configuration][redis][needs-redis]") {
  World world(node());
  const auto key = text::uuid();
  world.redis("HSET", key, "field", "value");
  world.redis("SET", key + "-empty", "||3");
  const auto items = world.stage.run(world.store->get({.keys = {key, key + "-empty", ""}}));
  REQUIRE(items);
  CHECK(items->empty());
  world.redis("DEL", key, key + "-empty");
}

TEST_CASE("all items of all servers of a cluster are read", "[configuration][redis][needs-redis-cluster]") {
  World world(testing::redis_cluster());
  world.redis.everywhere("FLUSHALL");
  for (int i = 0; i < 40; ++i) world.redis("SET", "all" + std::to_string(i), "v||" + std::to_string(i));
  world.redis("HSET", "all-other", "field", "value");
  CHECK(world.stage.run(world.store->get({})).value().size() == 40);
  world.redis.everywhere("FLUSHALL");
}

TEST_CASE("a subscription on Redis goes on after its connection broke", "[configuration][redis][needs-redis]") {
  goes_on(node(), {text::uuid()});
}

TEST_CASE("a subscription hears of the keys of all servers of a cluster", "[configuration][redis][needs-redis-cluster]") {
  goes_on(testing::redis_cluster(), {"a" + text::uuid(), "b" + text::uuid(), "c" + text::uuid(), "d" + text::uuid()});
  goes_on(testing::redis_cluster(), {});
}
