// state.redis: the conformance suite against a real server (MECHA_TEST_REDIS=host:port), the stored layout, and what
// can be told without a server.

#include <algorithm>

#include "components/catalog.hpp"
#include "components/state/redis_query.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"
#include "tests/redis.hpp"

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

using testing::Redis;
using testing::RedisPlace;

StoreBench::Settings settings(const RedisPlace& place = testing::redis_node()) { return {place.begin(), place.end()}; }

void keeps_the_contract(const RedisPlace& place) {
  Redis direct(place);
  direct.everywhere("FLUSHDB");
  StoreBench bench(register_redis, "state.redis", settings(place));
  bench.start();
  conformance::state_store(bench, kTraits, "app||");
  CHECK(bench.store().features() == std::vector<std::string>{"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"});
}

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
  keeps_the_contract(testing::redis_node());
}

TEST_CASE("state.redis keeps the state store contract on a cluster", "[state][redis][needs-redis-cluster]") {
  keeps_the_contract(testing::redis_cluster());
}

TEST_CASE("state.redis keeps the state store contract behind sentinels", "[state][redis][needs-redis-sentinel]") {
  keeps_the_contract(testing::redis_sentinel());
  // The master has a replica: a strong write waits for it.
  StoreBench bench(register_redis, "state.redis", settings(testing::redis_sentinel()));
  bench.start();
  CHECK(bench.set(SetRequest{.key = "strong", .value = std::string("1"), .options = {.consistency = "strong"}}) == "");
}

TEST_CASE("records of state.redis are spread over a cluster, and found again", "[state][redis][needs-redis-cluster]") {
  const auto place = testing::redis_cluster();
  Redis direct(place);
  direct.everywhere("FLUSHDB");
  direct.everywhere("SCRIPT", "FLUSH");
  StoreBench bench(register_redis, "state.redis", settings(place));
  bench.start();
  std::vector<SetRequest> sets;
  std::vector<GetRequest> gets;
  decltype(TransactRequest::operations) operations;
  for (int i = 0; i < 60; ++i) {
    const auto key = "spread||" + std::to_string(i);
    sets.push_back({.key = key, .value = std::to_string(i)});
    gets.push_back({.key = key});
    operations.push_back(SetRequest{.key = key, .value = "t" + std::to_string(i)});
  }
  CHECK(bench.run(bench.store().bulk_set(sets))->empty());
  const auto items = bench.run(bench.store().bulk_get(gets, 0)).value();
  for (std::size_t i = 0; i < items.size(); ++i) CHECK(items[i].item->data == std::to_string(i));
  CHECK(bench.run(bench.store().transact({.operations = operations})).has_value());
  for (std::size_t i = 0; i < gets.size(); ++i) CHECK(bench.get(gets[i].key) == "t" + std::to_string(i));

  std::vector<std::string> keys;
  std::string token;
  do {
    const auto page = bench.run(bench.store().keys_like("spread||%", 7, token)).value();
    keys.insert(keys.end(), page.keys.begin(), page.keys.end());
    token = page.token;
  } while (!token.empty());
  std::ranges::sort(keys);
  const auto twice = std::ranges::unique(keys);
  CHECK(twice.begin() - keys.begin() == 60);
}

TEST_CASE("state.redis lets records expire", "[state][redis][needs-redis][.slow]") {
  Redis direct(testing::redis_node());
  direct("FLUSHDB");
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  conformance::state_store_expiry(bench, kTraits, "app||");
}

TEST_CASE("a record of state.redis is a hash of data and version", "[state][redis][needs-redis]") {
  Redis direct(testing::redis_node());
  direct("FLUSHDB");
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  CHECK(bench.set("lay||a", R"({"x":"<1>"})") == "");
  CHECK(direct("HLEN", "lay||a").integer == 2);
  CHECK(direct("HGET", "lay||a", "data").text == R"({"x":"<1>"})");
  CHECK(direct("HGET", "lay||a", "version").text == "1");
  CHECK(direct("TTL", "lay||a").integer == -1);
  CHECK(bench.set(SetRequest{.key = "lay||a", .value = std::string("2"), .options = {.concurrency = "first-write"}}) == "");
  CHECK(direct("HGET", "lay||a", "first-write").text == "0");
  CHECK(direct("HGET", "lay||a", "version").text == "2");
  CHECK(bench.set("lay||a", "3", "2") == "");
  CHECK(direct("HGET", "lay||a", "first-write").text == "0");
}

TEST_CASE("state.redis lives with records of others", "[state][redis][needs-redis]") {
  Redis direct(testing::redis_node());
  direct("FLUSHDB");
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  direct("HSET", "o", "data", "{\"from\": \"other\"}", "version", "41", "extra", "x");
  CHECK(bench.get("o") == "{\"from\": \"other\"}");
  CHECK(bench.set("o", "1", "41") == "");
  CHECK(direct("HGET", "o", "version").text == "42");
  CHECK(direct("HGET", "o", "extra").text == "x");
  direct("HSET", "nov", "data", "1");
  CHECK(bench.get("nov") == "error: required hash field 'data' or 'version' was not found");
  CHECK(bench.set("nov", "5", "9") == "");
  CHECK(direct("HGET", "nov", "version").text == "1");
  direct("HSET", "half", "data", "1", "version", "");
  CHECK(bench.set("half", "6") == "");
  CHECK(direct("HGET", "half", "version").text == "1");
  direct("SET", "s", "hello");
  CHECK(bench.get("s") == "hello");
  CHECK(bench.etag("s") == "");
  CHECK(bench.set("s", "1") == "");
  CHECK(direct("TYPE", "s").text == "hash");
  direct("LPUSH", "l", "x");
  CHECK_THAT(bench.get("l"), Catch::Contains("WRONGTYPE"));
  CHECK(bench.remove({.key = "l", .etag = "3"}) == "");
  CHECK(direct("EXISTS", "l").integer == 0);
}

TEST_CASE("state.redis goes on when the server forgot its scripts", "[state][redis][needs-redis]") {
  Redis direct(testing::redis_node());
  StoreBench bench(register_redis, "state.redis", settings());
  bench.start();
  direct("FLUSHDB");
  direct("SCRIPT", "FLUSH");
  CHECK(bench.set("k", "1") == "");
  direct("SCRIPT", "FLUSH");
  CHECK(bench.remove({.key = "k", .etag = "1"}) == "");
  direct("SCRIPT", "FLUSH");
  CHECK(bench.run(bench.store().bulk_set({{.key = "k", .value = std::string("1")}, {.key = "k", .value = std::string("2")}}))->empty());
  CHECK(bench.get("k") == "2");
}

TEST_CASE("state.redis applies its own time to live", "[state][redis][needs-redis]") {
  Redis direct(testing::redis_node());
  direct("FLUSHDB");
  auto own = settings();
  own["ttlInSeconds"] = "100";
  StoreBench bench(register_redis, "state.redis", own);
  bench.start();
  CHECK(bench.set("k", "1") == "");
  CHECK(direct("TTL", "k").integer > 90);
  CHECK(bench.set(SetRequest{.key = "k", .value = std::string("1"), .metadata = {{"ttlInSeconds", "-1"}}}) == "");
  CHECK(direct("TTL", "k").integer == -1);
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
  CHECK(error({{"redisHost", "a:1"}, {"failover", "true"}}) == "redis client configuration error: failover needs sentinelMasterName");
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
  // A text without a word is nothing that can be searched for.
  for (const std::string empty : {"", "  ", "-&!", "@{}"}) {
    const auto one = json::write(json::Value(empty));
    CHECK_THAT(search(R"({"filter":{"EQ":{"person.org":)" + one + "}}}"), Catch::Contains("\n(@var0:(x) -@var0:(x))\r"));
    CHECK_THAT(search(R"({"filter":{"NEQ":{"person.org":)" + one + "}}}"), Catch::Contains("\n(-(@var0:(x) -@var0:(x)))\r"));
    CHECK_THAT(search(R"({"filter":{"IN":{"person.org":["A",)" + one + R"(,"B"]}}})"), Catch::Contains("@var0:(A|B)"));
    CHECK_THAT(search(R"({"filter":{"IN":{"person.org":[)" + one + "," + one + "]}}}"), Catch::Contains("\n(@var0:(x) -@var0:(x))\r"));
  }
  CHECK_THAT(
      search(R"({"filter":{"OR":[{"EQ":{"age":1}},{"AND":[{"EQ":{"age":2}},{"EQ":{"person.org":"A"}}]}]}})"),
      Catch::Contains("((@var1:[1 1])|((@var1:[2 2]) (@var0:(A))))")
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
