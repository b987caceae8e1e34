// state.redis on a server with the modules for JSON and search (MECHA_TEST_REDIS_STACK=host:port): documents, indexes and
// what their queries find.

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
using testing::Redis;

namespace {

const Metadata kJson{{"contentType", "application/json"}};
constexpr std::string_view kIndexes =
    R"([{"name":"people","indexes":[{"key":"person.org","type":"TEXT"},{"key":"person.id","type":"NUMERIC"},{"key":"state","type":"TEXT"}]},)"
    R"({"name":"tags","indexes":[{"key":"state","type":"TAG"}]}])";

json::Value parsed(std::string_view text) { return json::parse(text).value(); }

struct Stack {
  Redis direct{testing::redis_stack()};
  StoreBench bench{register_redis, "state.redis", settings()};

  Stack() {
    direct.everywhere("FLUSHDB");
    bench.start();
  }

  static StoreBench::Settings settings() {
    const auto place = testing::redis_stack();
    StoreBench::Settings all(place.begin(), place.end());
    all.emplace("queryIndexes", kIndexes);
    return all;
  }

  void keep(const std::string& key, std::string_view document) {
    REQUIRE(bench.set({.key = key, .value = parsed(document), .metadata = kJson}) == "");
  }
  void keep_people() {
    keep("1", R"({"person":{"org":"Dev Ops","id":1036},"city":"Seattle","state":"WA"})");
    keep("2", R"({"person":{"org":"Hardware","id":1028},"city":"Boise","state":"ID"})");
    keep("3", R"({"person":{"org":"Finance","id":1071},"city":"Sacramento","state":"CA"})");
    keep("4", R"({"person":{"org":"Dev Ops","id":1042.5},"city":"Spokane","state":"WA"})");
    keep("5", R"({"person":{"org":"R&D (a-b), e@x.y","id":-7},"city":"Los Angeles","state":"CA"})");
  }

  Result<QueryResult> ask(std::string_view query, const std::string& index = "people") {
    auto whole = parsed(query);
    return bench.run(bench.store().query({.query = whole, .metadata = {{"queryIndexName", index}}}));
  }
  // The keys that were found, in their order, and the token.
  std::string found(std::string_view query, const std::string& index = "people") {
    const auto got = ask(query, index);
    if (!got) return "error: " + got.error().message;
    std::string keys;
    for (const auto& item : got->results) keys += item.key;
    return keys + (got->token.empty() ? "" : " next " + got->token);
  }
  // The same, sorted by the numeric field.
  std::string by_id(const std::string& filter) { return found(R"({"filter":)" + filter + R"(,"sort":[{"key":"person.id"}]})"); }
};

}  // namespace

TEST_CASE("a record of state.redis is a document where the module is and JSON is said", "[state][redis][needs-redis-stack]") {
  Stack stack;
  auto& bench = stack.bench;
  CHECK(bench.store().features() == std::vector<std::string>{"ETAG", "TRANSACTIONAL", "TTL", "QUERY_API", "KEYS_LIKE"});
  stack.keep("k", R"({"b":[1.50,true],"a":"<é>"})");
  CHECK(stack.direct("JSON.GET", "k").text == R"({"data":{"a":"<é>","b":[1.5,true]},"version":1})");
  const auto get = [&](const Metadata& metadata) {
    auto got = bench.run(bench.store().get({.key = "k", .metadata = metadata}));
    if (!got) return "error: " + got.error().message;
    return *got ? (*got)->data + " " + (*got)->etag.value_or("none") : std::string("missing");
  };
  CHECK(get(kJson) == R"({"a":"<é>","b":[1.5,true]} 1)");
  CHECK_THAT(get({}), Catch::StartsWith("error: "));
  CHECK(bench.set({.key = "k", .value = parsed("1"), .etag = "7", .metadata = kJson}) == "mismatch");
  CHECK(bench.set({.key = "k", .value = parsed("[]"), .etag = "1", .metadata = {{"contentType", "application/json"}, {"ttlInSeconds", "100"}}}) == "");
  CHECK(get(kJson) == "[] 2");
  CHECK(stack.direct("TTL", "k").integer > 90);
  CHECK(bench.transact({SetRequest{.key = "k", .value = parsed(R"("x")"), .metadata = kJson}, SetRequest{.key = "other", .value = parsed("1"), .metadata = kJson}}) == "");
  CHECK(get(kJson) == R"("x" 3)");
  CHECK(bench.remove({.key = "k", .etag = "1", .metadata = kJson}) == "mismatch");
  CHECK(bench.remove({.key = "k", .etag = "3", .metadata = kJson}) == "");
  CHECK(get(kJson) == "missing");
}

TEST_CASE("first write of documents in Redis", "[state][redis][needs-redis-stack]") {
  Stack stack;
  const auto first = [&](const std::string& etag) {
    return stack.bench.set({.key = "k", .value = parsed("1"), .etag = etag, .metadata = kJson, .options = {.concurrency = "first-write"}});
  };
  CHECK(first("") == "");
  CHECK(stack.direct("JSON.GET", "k").text == R"({"data":1,"version":1,"first-write":0})");
  CHECK_THAT(first(""), Catch::StartsWith("failed to set key k: "));
  CHECK(first("1") == "");
}

TEST_CASE("queries of state.redis find what the search module finds", "[state][redis][needs-redis-stack]") {
  Stack stack;
  stack.keep_people();
  CHECK(stack.by_id(R"({"EQ":{"state":"CA"}})") == "53");
  CHECK(stack.by_id(R"({"EQ":{"person.org":"Dev Ops"}})") == "14");
  CHECK(stack.by_id(R"({"EQ":{"person.org":"R&D (a-b), e@x.y"}})") == "5");
  CHECK(stack.by_id(R"({"EQ":{"person.id":1042.5}})") == "4");
  CHECK(stack.by_id(R"({"EQ":{"person.id":-7}})") == "5");
  CHECK(stack.by_id(R"({"NEQ":{"state":"CA"}})") == "214");
  CHECK(stack.by_id(R"({"NEQ":{"person.id":1028}})") == "5143");
  CHECK(stack.by_id(R"({"IN":{"state":["CA","ID"]}})") == "523");
  CHECK(stack.by_id(R"({"IN":{"person.org":["Hardware","Dev Ops","a b"]}})") == "5214");
  CHECK(stack.by_id(R"({"IN":{"person.id":[1028,1071]}})") == "23");
  CHECK(stack.by_id(R"({"GT":{"person.id":1036}})") == "43");
  CHECK(stack.by_id(R"({"GTE":{"person.id":1036}})") == "143");
  CHECK(stack.by_id(R"({"LT":{"person.id":1036}})") == "52");
  CHECK(stack.by_id(R"({"LTE":{"person.id":1036}})") == "521");
  CHECK(stack.by_id(R"({"AND":[{"EQ":{"state":"WA"}},{"GT":{"person.id":1040}}]})") == "4");
  CHECK(stack.by_id(R"({"OR":[{"EQ":{"state":"ID"}},{"AND":[{"EQ":{"state":"CA"}},{"NEQ":{"person.org":"Finance"}}]}]})") == "52");
  CHECK(stack.by_id(R"({"OR":[{"EQ":{"state":"WA"}},{"AND":[{"EQ":{"state":"CA"}},{"NEQ":{"person.id":1071}}]},{"IN":{"state":["ID","NY"]}}]})") == "5214");
  CHECK(stack.by_id(R"({"EQ":{"state":"-&!"}})") == "");
  CHECK(stack.by_id(R"({"NEQ":{"state":" "}})") == "52143");
  CHECK(stack.by_id(R"({"IN":{"state":["CA","","&"]}})") == "53");
  CHECK(stack.by_id(R"({"IN":{"state":["","&"]}})") == "");
  CHECK(stack.by_id(R"({"OR":[{"EQ":{"state":"&"}},{"EQ":{"state":"WA"}}]})") == "14");
  CHECK(stack.by_id(R"({"AND":[{"NEQ":{"state":"&"}},{"EQ":{"state":"WA"}}]})") == "14");
  CHECK(stack.found(R"({"filter":{"EQ":{"state":"nowhere"}},"page":{"limit":2}})") == "");
}

TEST_CASE("queries of state.redis are sorted and come in pages", "[state][redis][needs-redis-stack]") {
  Stack stack;
  stack.keep_people();
  CHECK(stack.found(R"({"sort":[{"key":"person.id","order":"DESC"}]})") == "34125");
  CHECK(stack.found(R"({"sort":[{"key":"person.id","order":"ASC"}],"page":{"limit":3}})") == "521 next 3");
  CHECK(stack.found(R"({"sort":[{"key":"person.id"}],"page":{"limit":3,"token":"3"}})") == "43 next 5");
  CHECK(stack.found(R"({"sort":[{"key":"person.id"}],"page":{"limit":3,"token":"5"}})") == "");
  const auto got = stack.ask(R"({"filter":{"EQ":{"person.id":1028}}})");
  REQUIRE(got);
  REQUIRE(got->results.size() == 1);
  CHECK(got->results[0].data == R"({"city":"Boise","person":{"id":1028,"org":"Hardware"},"state":"ID"})");
  CHECK(got->results[0].etag == "1");
  CHECK(stack.found(R"({"filter":{"EQ":{"city":"Boise"}}})") == R"(error: JSON path "city" is not indexed)");
  CHECK(stack.found("{}", "none") == R"(error: query index schema "none" not found)");
}

TEST_CASE("state.redis makes its indexes anew at each start", "[state][redis][needs-redis-stack]") {
  Stack stack;
  stack.keep_people();
  StoreBench again(register_redis, "state.redis", Stack::settings());
  again.start();
  // What is there already is indexed in the background.
  for (int i = 0; i < 500 && stack.found(R"({"page":{"limit":10}})") != "12345 next 5"; ++i) stack.direct("PING");
  CHECK(stack.by_id(R"({"EQ":{"state":"CA"}})") == "53");
  auto other = Stack::settings();
  other["queryIndexes"] = R"([{"name":"people","indexes":[{"key":"a","type":"NOTHING"}]}])";
  CHECK_THAT(StoreBench(register_redis, "state.redis", other).start_error(), Catch::StartsWith("redis store: error creating query index: "));
}
