// The Redis servers of the tests, as the metadata of a component and as the settings of a client of our own.

#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "components/redis/client.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::testing {

using RedisPlace = std::vector<std::pair<std::string, std::string>>;

inline std::string redis_variable(const char* name, const char* otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : otherwise;
}

// MECHA_TEST_REDIS=host:port
inline RedisPlace redis_node() { return {{"redisHost", redis_variable("MECHA_TEST_REDIS", "127.0.0.1:6379")}}; }

// MECHA_TEST_REDIS_STACK=host:port, with the modules for JSON and search
inline RedisPlace redis_stack() { return {{"redisHost", redis_variable("MECHA_TEST_REDIS_STACK", "127.0.0.1:6379")}}; }

// MECHA_TEST_REDIS_CLUSTER=host:port,host:port,..
inline RedisPlace redis_cluster() {
  return {{"redisHost", redis_variable("MECHA_TEST_REDIS_CLUSTER", "127.0.0.1:7000")}, {"redisType", "cluster"}};
}

// MECHA_TEST_REDIS_SENTINEL=host:port,.. with _MASTER and _PASSWORD
inline RedisPlace redis_sentinel() {
  return {
      {"redisHost", redis_variable("MECHA_TEST_REDIS_SENTINEL", "127.0.0.1:26379")},
      {"failover", "true"},
      {"sentinelMasterName", redis_variable("MECHA_TEST_REDIS_SENTINEL_MASTER", "mymaster")},
      {"sentinelPassword", redis_variable("MECHA_TEST_REDIS_SENTINEL_PASSWORD", "")}};
}

inline redis::Options redis_options(const RedisPlace& place) {
  redis::Settings settings;
  for (const auto& [name, value] : place) {
    if (name == "redisHost") settings.host = value;
    else if (name == "redisType") settings.type = value;
    else if (name == "failover") settings.failover = value == "true";
    else if (name == "sentinelMasterName") settings.sentinel_master = value;
    else if (name == "sentinelPassword") settings.sentinel_password = Secret(value);
    else if (name == "redisDB") settings.database = std::stoi(value);
  }
  return redis::resolve(settings).value();
}

// A second way to the servers, to look at what was stored.
class Redis {
 public:
  explicit Redis(const RedisPlace& place) : client_(shards_, redis_options(place)) {}
  ~Redis() { run(shards_.context(0), client_.close()); }

  template <class... A>
  redis::Reply operator()(const A&... arguments) {
    auto reply = run(shards_.context(0), client_.call(redis::Command(arguments...)));
    INFO((reply ? "" : reply.error().message));
    REQUIRE(reply.has_value());
    return *std::move(reply);
  }
  // On every server.
  template <class... A>
  void everywhere(const A&... arguments) {
    const auto servers = run(shards_.context(0), client_.servers()).value();
    for (const auto& server : servers) {
      const auto reply = run(shards_.context(0), client_.call_at(server, redis::Command(arguments...)));
      REQUIRE(reply.has_value());
    }
  }

 private:
  Shards shards_{1};
  redis::Client client_;
};

}  // namespace mecha::testing
