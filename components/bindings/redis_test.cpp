// bindings.redis against a real server (MECHA_TEST_REDIS=host:port), and what can be told without
// one.

#include <cstdlib>

#include "components/catalog.hpp"
#include "components/redis/client.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"
#include "tests/run.hpp"

namespace mecha::bindings {
void register_redis(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using conformance::BindingBench;

namespace {

std::string server() {
  const char* address = std::getenv("MECHA_TEST_REDIS");
  return address != nullptr ? address : "127.0.0.1:6379";
}

BindingBench bench(BindingBench::Settings settings) {
  return {register_redis, "bindings.redis", std::move(settings)};
}

// A second way to the server, to look at what was stored.
std::string ask(Shards& shards, redis::Command command) {
  redis::Settings settings;
  settings.host = server();
  redis::Client client(shards, redis::resolve(settings).value());
  auto reply = testing::run(shards.context(0), client.call(std::move(command)));
  testing::run(shards.context(0), client.close());
  REQUIRE(reply.has_value());
  return reply->as_text();
}

}  // namespace

TEST_CASE("bindings.redis keeps the output contract", "[bindings][redis][needs-redis]") {
  auto red = bench({{"redisHost", server()}});
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

TEST_CASE("keys live as long as the request says", "[bindings][redis][needs-redis]") {
  auto red = bench({{"redisHost", server()}});
  red.start();
  const auto key = "bind-" + text::uuid();
  CHECK(!red.invoke("create", "\"v\"", {{"key", key}, {"ttlInSeconds", "50"}}).error);
  CHECK(ask(red.shards(), redis::Command("TTL", key)) == "50");
  CHECK(ask(red.shards(), redis::Command("GET", key)) == "\"v\"");
  CHECK(!red.invoke("create", "1", {{"key", key}, {"TTL", "1m30s"}}).error);
  CHECK(ask(red.shards(), redis::Command("TTL", key)) == "90");
  CHECK(!red.invoke("create", "1", {{"key", key}}).error);
  CHECK(ask(red.shards(), redis::Command("TTL", key)) == "-1");
  CHECK(!red.invoke("increment", {}, {{"key", key}, {"ttlInSeconds", "100"}}).error);
  CHECK(ask(red.shards(), redis::Command("TTL", key)) == "100");
  CHECK(ask(red.shards(), redis::Command("GET", key)) == "2");
  for (const auto* ttl : {"x", "0", "-5"}) {
    CHECK(red.refusal(
                 "create", "9", {{"key", key}, {"ttlInSeconds", ttl}}
    ).starts_with("ttlInSeconds must be"));
  }
  CHECK(ask(red.shards(), redis::Command("GET", key)) == "2");
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
  CHECK(
      bench({{"redisHost", "h"}, {"redisType", "cluster"}}).start_error().find("not supported") !=
      std::string::npos
  );
}
