// bindings.redis against a real server (MECHA_TEST_REDIS=host:port), and what can be told without
// one.

#include "components/catalog.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"
#include "tests/redis.hpp"

namespace mecha::bindings {
void register_redis(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using conformance::BindingBench;

namespace {

using testing::Redis;

std::string server() { return testing::redis_node().front().second; }

BindingBench bench(BindingBench::Settings settings) {
  return {register_redis, "bindings.redis", std::move(settings)};
}

void keeps_the_contract(const testing::RedisPlace& place) {
  auto red = bench({place.begin(), place.end()});
  red.start();
  CHECK(red.binding().input() == nullptr);
  const auto key = "bind-" + text::uuid();
  conformance::output_binding(
      red,
      {
          .operations = {"create", "get", "delete", "increment"},
          .works = {.operation = "increment", .data = {}, .metadata = {{"key", key + "-n"}}},
          .place = {{"key", key}},
      }
  );
}

}  // namespace

TEST_CASE("bindings.redis keeps the output contract", "[bindings][redis][needs-redis]") {
  keeps_the_contract(testing::redis_node());
}

TEST_CASE("bindings.redis keeps the output contract on a cluster", "[bindings][redis][needs-redis-cluster]") {
  keeps_the_contract(testing::redis_cluster());
}

TEST_CASE("bindings.redis keeps the output contract behind sentinels", "[bindings][redis][needs-redis-sentinel]") {
  keeps_the_contract(testing::redis_sentinel());
}

TEST_CASE("keys live as long as the request says", "[bindings][redis][needs-redis]") {
  Redis direct(testing::redis_node());
  auto red = bench({{"redisHost", server()}});
  red.start();
  const auto key = "bind-" + text::uuid();
  CHECK(!red.invoke("create", "\"v\"", {{"key", key}, {"ttlInSeconds", "50"}}).error);
  CHECK(direct("TTL", key).as_text() == "50");
  CHECK(direct("GET", key).as_text() == "\"v\"");
  CHECK(!red.invoke("create", "1", {{"key", key}, {"TTL", "1m30s"}}).error);
  CHECK(direct("TTL", key).as_text() == "90");
  CHECK(!red.invoke("create", "1", {{"key", key}}).error);
  CHECK(direct("TTL", key).as_text() == "-1");
  CHECK(!red.invoke("increment", {}, {{"key", key}, {"ttlInSeconds", "100"}}).error);
  CHECK(direct("TTL", key).as_text() == "100");
  CHECK(direct("GET", key).as_text() == "2");
  for (const auto* ttl : {"x", "0", "-5"}) {
    CHECK(red.refusal(
                 "create", "9", {{"key", key}, {"ttlInSeconds", ttl}}
    ).starts_with("ttlInSeconds must be"));
  }
  CHECK(direct("GET", key).as_text() == "2");
}

TEST_CASE("get may take the key away", "[bindings][redis][needs-redis]") {
  auto red = bench({{"redisHost", server()}});
  red.start();
  const auto key = "bind-" + text::uuid();
  CHECK(!red.invoke("create", "v", {{"key", key}}).error);
  CHECK(red.invoke("get", {}, {{"key", key}, {"delete", "false"}}).data == "v");
  CHECK(red.invoke("get", {}, {{"key", key}, {"delete", "true"}}).data == "v");
  const auto gone = red.invoke("get", {}, {{"key", key}});
  CHECK(gone.answered);
  CHECK(gone.data.empty());
  CHECK(!red.invoke("create", "text", {{"key", key}}).error);
  CHECK(
      red.refusal("increment", {}, {{"key", key}}).find("value is not an integer") !=
      std::string::npos
  );
  CHECK(!red.invoke("delete", {}, {{"key", key}}).error);
}

TEST_CASE("a key is required before a server is asked", "[bindings][redis]") {
  auto red = bench({{"redisHost", "127.0.0.1:1"}, {"redisMaxRetries", "-1"}});
  CHECK(red.refusal("get") == "redis binding: missing key in request metadata");
  CHECK(
      red.refusal("create", "1", {{"key", ""}}) == "redis binding: missing key in request metadata"
  );
  CHECK(red.start_error().starts_with("redis binding: error connecting to redis at 127.0.0.1:1: "));
}

TEST_CASE("settings of the redis family are strict", "[bindings][redis]") {
  CHECK(bench({}).start_error() == "redisHost is required");
  CHECK(bench({{"redisHost", "h"}, {"enableTLS", "yes"}})
            .start_error()
            .starts_with("redis client configuration error: enableTLS must be true or false"));
  CHECK(bench({{"redisHost", "a,b"}}).start_error().find("needs redisType cluster") != std::string::npos);
}
