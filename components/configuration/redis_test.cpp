// configuration.redis: the conformance suite against a real server (MECHA_TEST_REDIS=host:port), items, lost connections.

#include <algorithm>
#include <cstdlib>

#include "components/configuration/redis_subscription.hpp"
#include "components/redis/client.hpp"
#include "tests/conformance/configuration_store_suite.hpp"

namespace mecha::configuration {
void register_redis(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::configuration;
using conformance::Stage;
using redis::Command;

namespace {

std::string server() {
  const char* address = std::getenv("MECHA_TEST_REDIS");
  return address ? address : "127.0.0.1:6379";
}

std::vector<NameValue> settings() { return {{"redisHost", server()}, {"redisDB", "11"}}; }

struct World {
  World() {
    redis::Settings s;
    s.host = server();
    s.database = 11;
    client.emplace(stage.shards(), redis::resolve(s).value());
    auto started = stage.start<ConfigurationStore>("configuration.redis", settings());
    INFO((started ? "" : started.error().message));
    REQUIRE(started);
    store = *started;
  }
  ~World() { stage.run(client->close()); }
  redis::Reply run(Command command) {
    auto reply = stage.run(client->call(std::move(command)));
    INFO((reply ? "" : reply.error().message));
    REQUIRE(reply);
    return *std::move(reply);
  }

  Stage stage{configuration::register_redis};
  std::optional<redis::Client> client;
  std::shared_ptr<ConfigurationStore> store;
};

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
  World world;
  conformance::ConfigurationTraits traits;
  traits.write = [&](const std::string& key, const std::string& value, const std::string& version) {
    world.run(Command("SET", key, value + "||" + version));
  };
  traits.remove = [&](const std::string& key) { world.run(Command("DEL", key)); };
  conformance::configuration_store(world.stage, *world.store, traits, text::uuid() + ":");
}

TEST_CASE("what is no text or has no value is no configuration item", "[configuration][redis][needs-redis]") {
  World world;
  const auto key = text::uuid();
  world.run(Command("HSET", key, "field", "value"));
  world.run(Command("SET", key + "-empty", "||3"));
  const auto items = world.stage.run(world.store->get({.keys = {key, key + "-empty", ""}}));
  REQUIRE(items);
  CHECK(items->empty());
  world.run(Command("DEL", key, key + "-empty"));
}

TEST_CASE("a subscription on Redis goes on after its connection broke", "[configuration][redis][needs-redis]") {
  World world;
  const auto key = text::uuid();
  std::vector<Items> heard;
  const auto handler = [&heard](Items items) -> asio::awaitable<void> {
    heard.push_back(std::move(items));
    co_return;
  };
  auto subscription = world.stage.run(world.store->subscribe({.keys = {key}}, handler));
  REQUIRE(subscription);
  // Ends the connections of all subscribers of the server.
  world.run(Command("CLIENT", "KILL", "TYPE", "pubsub"));
  const auto heard_again = [&] {
    world.run(Command("SET", key, "v||1"));
    world.stage.run_for(std::chrono::milliseconds(20));
    return !heard.empty();
  };
  CHECK(testing::eventually(heard_again));
  world.stage.run((*subscription)->stop());
  world.run(Command("DEL", key));
}
