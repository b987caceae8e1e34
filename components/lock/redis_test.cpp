// lock.redis: the conformance suite against a real server (MECHA_TEST_REDIS=host:port), the layout, and what it refuses.

#include "tests/conformance/lock_store_suite.hpp"
#include "tests/redis.hpp"

namespace mecha::lock {
void register_redis(Catalog& catalog);
}

using namespace mecha;
using conformance::Stage;

namespace {

std::string server() { return testing::redis_node().front().second; }

std::string refusal(std::vector<NameValue> metadata) {
  Stage stage(lock::register_redis);
  const auto store = stage.start<lock::LockStore>("lock.redis", std::move(metadata));
  return store ? "" : store.error().message;
}

}  // namespace

TEST_CASE("a lock store on Redis keeps the promises of lock stores", "[lock][redis][needs-redis]") {
  Stage stage(lock::register_redis);
  const auto store = stage.start<lock::LockStore>("lock.redis", {{"redisHost", server()}});
  REQUIRE(store);
  const auto prefix = "lock||conform-" + text::uuid() + "||";
  conformance::lock_store(stage, **store, prefix);
  conformance::lock_store_expiry(stage, **store, prefix);
}

TEST_CASE("a lock store behind Redis sentinels keeps them too", "[lock][redis][needs-redis-sentinel]") {
  Stage stage(lock::register_redis);
  std::vector<NameValue> metadata;
  for (const auto& [name, value] : testing::redis_sentinel()) metadata.push_back({name, value});
  const auto store = stage.start<lock::LockStore>("lock.redis", metadata);
  REQUIRE(store);
  conformance::lock_store(stage, **store, "lock||conform-" + text::uuid() + "||");
}

TEST_CASE("a lock on Redis is a text key with an expiry", "[lock][redis][needs-redis]") {
  Stage stage(lock::register_redis);
  const auto store = stage.start<lock::LockStore>("lock.redis", {{"redisHost", server()}});
  REQUIRE(store);
  redis::Settings settings;
  settings.host = server();
  redis::Client client(stage.shards(), redis::resolve(settings).value());
  const auto key = "lock||" + text::uuid();
  REQUIRE(stage.run((*store)->try_lock({.key = key, .owner = "me", .expiry_seconds = 60})) == true);
  CHECK(stage.run(client.call(redis::Command("GET", key))).value().text == "me");
  const auto left = stage.run(client.call(redis::Command("TTL", key))).value().integer;
  CHECK((left > 50 && left <= 60));
  REQUIRE(stage.run(client.call(redis::Command("DEL", key))));
  REQUIRE(stage.run(client.call(redis::Command("HSET", key, "field", "value"))));
  CHECK(stage.run((*store)->try_lock({.key = key, .owner = "me", .expiry_seconds = 60})) == false);
  const auto released = stage.run((*store)->unlock({.key = key, .owner = "me"}));
  REQUIRE(!released);
  CHECK_THAT(released.error().message, Catch::Contains("WRONGTYPE"));
  REQUIRE(stage.run(client.call(redis::Command("DEL", key))));
  stage.run(client.close());
}

TEST_CASE("a lock store on Redis needs a host and no cluster", "[lock][redis]") {
  CHECK(refusal({}) == "metadata property redisHost is empty");
  CHECK(refusal({{"redisHost", "h:1"}, {"redisType", "cluster"}}) == "this component does not support connecting to Redis Cluster");
}
