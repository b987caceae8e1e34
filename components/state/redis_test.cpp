// state.redis: the conformance suite against a real server (MECHA_TEST_REDIS=host:port), the stored layout, and what
// can be told without a server.

#include <cstdlib>

#include "components/catalog.hpp"
#include "components/redis/client.hpp"
#include "components/state/redis_query.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"
#include "tests/run.hpp"

namespace mecha::state {
void register_redis(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::state;
using conformance::StoreBench;

namespace {

const conformance::StoreTraits kTraits{
    .set_with_etag_creates = true,
    .first_write_is_sticky = true,
    .last_write_ignores_etag = true,
    .malformed_etag_is_invalid = true,
    .delete_with_etag_of_missing = true,
    .shows_expiry = false,
    .keeps_ttl_on_overwrite = true,
    .atomic_transactions = false,
    .checks_options_in_transactions = false,
    .document = R"({"a":"<é>","b":[1.5,true]})",
};

std::string server() {
  const char* address = std::getenv("MECHA_TEST_REDIS");
  return address ? address : "127.0.0.1:6379";
}

StoreBench::Settings settings() { return {{"redisHost", server()}}; }

// A second way to the server, to look at what was stored.
class Server {
 public:
  Server() : client_(shards_, options()) {}
  ~Server() { testing::run(shards_.context(0), client_.close()); }

  template <class... A>
  redis::Reply run(const A&... arguments) {
    auto reply = testing::run(shards_.context(0), client_.call(redis::Command(arguments...)));
    INFO((reply ? "" : reply.error().message));
    REQUIRE(reply.has_value());
    return *std::move(reply);
  }

 private:
  static redis::Options options() {
    redis::Settings s;
    s.host = server();
    return redis::resolve(s).value();
  }
  Shards shards_{1};
  redis::Client client_;
};

std::vector<QueryIndex> indexes() {
  return parse_query_indexes(
             R"([{"name":"idx","indexes":[{"key":"person.org","type":"TEXT"},{"key":"age","type":"NUMERIC"}]}])"
  ).value();
}

std::string search(std::string_view query) {
  const auto made = make_search(indexes(), json::parse(query).value(), {{"queryIndexName", "idx"}});
  if (!made) return "error: " + made.error().message;
  std::string out;
  made->command.append_to(out);
  return out;
}

}  // namespace

TEST_CASE("state.redis keeps the state store contract", "[state][redis][needs-redis]") {
  Server direct;
  direct.run("FLUSHDB");
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  conformance::state_store(bench, kTraits, "app||");
  CHECK(bench.store().features() == std::vector<std::string>{"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"});
}

TEST_CASE("state.redis lets records expire", "[state][redis][needs-redis][.slow]") {
  Server direct;
  direct.run("FLUSHDB");
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  conformance::state_store_expiry(bench, kTraits, "app||");
}

TEST_CASE("a record of state.redis is a hash of data and version", "[state][redis][needs-redis]") {
  Server direct;
  direct.run("FLUSHDB");
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  CHECK(bench.set("lay||a", R"({"x":"<1>"})") == "");
  CHECK(direct.run("HLEN", "lay||a").integer == 2);
  CHECK(direct.run("HGET", "lay||a", "data").text == R"({"x":"<1>"})");
  CHECK(direct.run("HGET", "lay||a", "version").text == "1");
  CHECK(direct.run("TTL", "lay||a").integer == -1);
  CHECK(bench.set(SetRequest{.key = "lay||a", .value = std::string("2"), .options = {.concurrency = "first-write"}}) == "");
  CHECK(direct.run("HGET", "lay||a", "first-write").text == "0");
  CHECK(direct.run("HGET", "lay||a", "version").text == "2");
  CHECK(bench.set("lay||a", "3", "2") == "");
  CHECK(direct.run("HGET", "lay||a", "first-write").text == "0");
}

TEST_CASE("state.redis lives with records of others", "[state][redis][needs-redis]") {
  Server direct;
  direct.run("FLUSHDB");
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  direct.run("HSET", "o", "data", "{\"from\": \"other\"}", "version", "41", "extra", "x");
  CHECK(bench.get("o") == "{\"from\": \"other\"}");
  CHECK(bench.set("o", "1", "41") == "");
  CHECK(direct.run("HGET", "o", "version").text == "42");
  CHECK(direct.run("HGET", "o", "extra").text == "x");
  direct.run("HSET", "nov", "data", "1");
  CHECK(bench.get("nov") == "error: required hash field 'data' or 'version' was not found");
  CHECK(bench.set("nov", "5", "9") == "");
  CHECK(direct.run("HGET", "nov", "version").text == "1");
  direct.run("HSET", "half", "data", "1", "version", "");
  CHECK(bench.set("half", "6") == "");
  CHECK(direct.run("HGET", "half", "version").text == "1");
  direct.run("SET", "s", "hello");
  CHECK(bench.get("s") == "hello");
  CHECK(bench.etag("s") == "");
  CHECK(bench.set("s", "1") == "");
  CHECK(direct.run("TYPE", "s").text == "hash");
  direct.run("LPUSH", "l", "x");
  CHECK_THAT(bench.get("l"), Catch::Contains("WRONGTYPE"));
  CHECK(bench.remove({.key = "l", .etag = "3"}) == "");
  CHECK(direct.run("EXISTS", "l").integer == 0);
}

TEST_CASE("state.redis goes on when the server forgot its scripts", "[state][redis][needs-redis]") {
  Server direct;
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  direct.run("FLUSHDB");
  direct.run("SCRIPT", "FLUSH");
  CHECK(bench.set("k", "1") == "");
  direct.run("SCRIPT", "FLUSH");
  CHECK(bench.remove({.key = "k", .etag = "1"}) == "");
  direct.run("SCRIPT", "FLUSH");
  CHECK(bench.run(bench.store().bulk_set({{.key = "k", .value = std::string("1")}, {.key = "k", .value = std::string("2")}}))->empty());
  CHECK(bench.get("k") == "2");
}

TEST_CASE("state.redis applies its own time to live", "[state][redis][needs-redis]") {
  Server direct;
  direct.run("FLUSHDB");
  auto own = settings();
  own["ttlInSeconds"] = "100";
  StoreBench bench(register_redis, "state.redis", own);
  bench.start();
  CHECK(bench.set("k", "1") == "");
  CHECK(direct.run("TTL", "k").integer > 90);
  CHECK(bench.set(SetRequest{.key = "k", .value = std::string("1"), .metadata = {{"ttlInSeconds", "-1"}}}) == "");
  CHECK(direct.run("TTL", "k").integer == -1);
}

TEST_CASE("state.redis says what is wrong with its settings", "[state][redis]") {
  const auto error = [](StoreBench::Settings s) {
    StoreBench bench(register_redis, "state.redis", std::move(s));
    return bench.start_error();
  };
  CHECK_THAT(error({{"redisHost", "h"}, {"enableTLS", "maybe"}}), Catch::Contains("enableTLS"));
  CHECK_THAT(
      error({{"redisHost", "h"}, {"queryIndexes", "nope"}}),
      Catch::StartsWith("redis store: error parsing query index schema: ")
  );
  CHECK_THAT(
      error({{"redisHost", "h:1"}, {"redisPort", "2"}}), Catch::StartsWith("redis client configuration error: ")
  );
  CHECK_THAT(error({{"redisHost", "a:1,b:2"}}), Catch::StartsWith("redis client configuration error: "));
  CHECK_THAT(
      error({{"redisHost", "127.0.0.1:1"}, {"redisMaxRetries", "0"}}),
      Catch::StartsWith("redis store: error connecting to redis at 127.0.0.1:1: ")
  );
}

TEST_CASE("queries become searches", "[state][redis]") {
  CHECK_THAT(search(R"({})"), Catch::Contains("\r\n*\r\n"));
  CHECK_THAT(search(R"({"filter":{"EQ":{"person.org":"Dev Ops"}}})"), Catch::Contains("@var0:(Dev Ops)"));
  CHECK_THAT(search(R"({"filter":{"NEQ":{"age":5}}})"), Catch::Contains("(-@var1:[5 5])"));
  CHECK_THAT(search(R"({"filter":{"GT":{"age":5}}})"), Catch::Contains("@var1:[(5 +inf]"));
  CHECK_THAT(search(R"({"filter":{"LTE":{"age":5}}})"), Catch::Contains("@var1:[-inf 5]"));
  CHECK_THAT(search(R"({"filter":{"IN":{"person.org":["A","B"]}}})"), Catch::Contains("@var0:(A|B)"));
  CHECK_THAT(
      search(R"({"filter":{"OR":[{"EQ":{"age":1}},{"AND":[{"EQ":{"age":2}},{"EQ":{"person.org":"A"}}]}]}})"),
      Catch::Contains("(@var1:[1 1]|(@var1:[2 2] @var0:(A)))")
  );
  CHECK_THAT(search(R"({"page":{"limit":2,"token":"4"}})"), Catch::Contains("LIMIT\r\n$1\r\n4\r\n$1\r\n2"));
  CHECK(search(R"({"filter":{"EQ":{"other":1}}})") == R"(error: JSON path "other" is not indexed)");
  CHECK_THAT(search(R"({"filter":{"GT":{"person.org":"A"}}})"), Catch::StartsWith("error: "));
  CHECK(make_search(indexes(), json::Value(json::Object{}), {}).error().message == "query index not found");
  CHECK(
      make_search(indexes(), json::Value(json::Object{}), {{"queryIndexName", "x"}}).error().message ==
      "query index schema \"x\" not found"
  );
}
