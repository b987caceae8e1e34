// state.mongodb: the conformance suite against a server of its protocol (MECHA_TEST_MONGODB=mongodb://...) and against a double of
// a replica set (MECHA_TEST_MONGODB_SET), which has transactions; the stored layout, and the rules of its settings and queries.

#include <chrono>
#include <cstdlib>

#include "components/catalog.hpp"
#include "components/mongodb/pool.hpp"
#include "components/state/mongodb_query.hpp"
#include "components/state/mongodb_record.hpp"
#include "runtime/async/parallel.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"
#include "tests/run.hpp"

namespace mecha::state {
void register_mongodb(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::state;
using namespace std::chrono_literals;
using conformance::StoreBench;
using mongodb::Document;

namespace {

// FerretDB makes U+FFFD of bytes that are no UTF-8, and knows no transactions; see docs/compatibility.md.
const conformance::StoreTraits kTraits{
    .set_with_etag_creates = true,
    .zero_ttl_expires = true,
    .bulk_get_sorts = true,
    .transactions_refused = "using transactions with MongoDB requires connecting to a replica set",
    .checks_options = false,
    .checks_options_in_transactions = false,
    .keeps_any_bytes = false,
    .document = R"({"a":"\u003cé\u003e","b":[1.5,true]})",
};

std::string server(const char* variable = "MECHA_TEST_MONGODB") {
  const char* text = std::getenv(variable);
  return text ? text : "mongodb://127.0.0.1:27017";
}

// A database of the test's own, with another client of it.
class Database {
 public:
  explicit Database(const char* variable = "MECHA_TEST_MONGODB") : name("mecha_" + text::replace_all(text::uuid(), "-", "_")), uri(server(variable)) {
    auto opened = mongodb::Pool::open({.uri = uri, .database = name, .collection = "daprCollection"});
    REQUIRE(opened);
    pool = *std::move(opened);
  }
  ~Database() { (void)run<Document>([](mongodb::Session& s) { return s.command(Document().number("dropDatabase", 1)); }); }

  template <class T>
  Result<T> run(mongodb::Pool::Work<T> work) {
    return testing::run(context, pool->run<T>(std::move(work)));
  }
  Document stored(const std::string& key) {
    auto found = run<std::vector<Document>>([key](mongodb::Session& s) { return s.find(Document().text("_id", key)); });
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    return found->front();
  }
  void write(const std::string& key, const Document& fields) {
    const auto done = run<bool>([=](mongodb::Session& s) { return s.upsert(Document().text("_id", key), Document().document("$set", fields)); });
    REQUIRE(done == true);
  }
  StoreBench bench(StoreBench::Settings more = {}) const {
    more.emplace("connectionString", uri);
    more.emplace("databaseName", name);
    return {register_mongodb, "state.mongodb", std::move(more)};
  }

  asio::io_context context;
  std::string name, uri;
  std::unique_ptr<mongodb::Pool> pool;
};

struct Race {
  StateStore* store;
  std::string key, concurrency;
  int written = 0, mismatches = 0;

  asio::awaitable<void> one(std::size_t index) {
    const auto done = co_await store->set({.key = key, .value = std::to_string(index), .options = {.concurrency = concurrency}});
    if (done) ++written;
    else if (done.error().failure == Failure::etag_mismatch) ++mismatches;
  }
};

Async<std::string> at_once(StateStore* store, std::string key, std::string concurrency) {
  Race race{store, std::move(key), std::move(concurrency)};
  co_await for_each_parallel(16, 16, [&race](std::size_t i) { return race.one(i); });
  co_return std::to_string(race.written) + " written, " + std::to_string(race.mismatches) + " mismatch";
}

// Each writes its number to both records.
struct Writers {
  StateStore* store;
  std::vector<std::string> errors;

  asio::awaitable<void> one(std::size_t index) {
    const auto text = std::to_string(index);
    std::vector<Operation> both{SetRequest{.key = index % 2 ? "a" : "b", .value = text}, SetRequest{.key = index % 2 ? "b" : "a", .value = text}};
    const auto done = co_await store->transact({.operations = std::move(both)});
    if (!done) errors.push_back(done.error().message);
  }
};

Async<void> all_at_once(Writers* writers) {
  co_await for_each_parallel(8, 8, [writers](std::size_t i) { return writers->one(i); });
  co_return Result<void>{};
}

std::string start_error(StoreBench::Settings settings) { return StoreBench(register_mongodb, "state.mongodb", std::move(settings)).start_error(); }
json::Value parsed(std::string_view text) { return json::parse(text).value(); }

std::string queried(StoreBench& bench, const std::string& query) {
  const auto found = bench.run(bench.store().query({.query = parsed(query)}));
  if (!found) return found.error().message;
  std::string out;
  for (const auto& item : found->results) out += item.key + "=" + item.data + " ";
  return out + (found->token.empty() ? "" : "next " + found->token);
}

}  // namespace

TEST_CASE("state.mongodb keeps the state store contract", "[state][mongodb][needs-mongodb]") {
  const Database database;
  auto bench = database.bench();
  bench.start();
  conformance::state_store(bench, kTraits, "app||");
  CHECK(bench.store().features() == std::vector<std::string>{"ETAG", "TRANSACTIONAL", "QUERY_API", "TTL", "KEYS_LIKE"});
}

TEST_CASE("state.mongodb keeps the contract on a replica set, transactions and bytes that are no text included", "[state][mongodb][needs-mongodb-set]") {
  const Database database("MECHA_TEST_MONGODB_SET");
  auto bench = database.bench();
  bench.start();
  auto traits = kTraits;
  traits.transactions_refused.clear();
  traits.keeps_any_bytes = true;
  conformance::state_store(bench, traits, "app||");
}

TEST_CASE("transactions of MongoDB that meet one another are all done, one after another", "[state][mongodb][needs-mongodb-set]") {
  asio::io_context context;  // outlives the threads of the store, which hold on to it
  Database database("MECHA_TEST_MONGODB_SET");
  auto bench = database.bench();
  bench.start();
  Writers writers{&bench.store(), {}};
  const auto done = testing::run(context, all_at_once(&writers));
  REQUIRE(done);
  CHECK(writers.errors == std::vector<std::string>());
  // Both records are of one and the same transaction.
  CHECK(bench.get("a") == bench.get("b"));
}

TEST_CASE("bytes that are said to be JSON become a document in a transaction alone", "[state][mongodb][needs-mongodb-set]") {
  Database database("MECHA_TEST_MONGODB_SET");
  auto bench = database.bench();
  bench.start();
  const Metadata metadata{{"contentType", "application/json"}};
  CHECK(bench.set({.key = "text", .value = std::string(R"({"a":1})"), .metadata = metadata}) == "");
  CHECK(database.stored("text").as_text("value") == R"({"a":1})");
  CHECK(bench.transact({SetRequest{.key = "document", .value = std::string(R"({"a":1})"), .metadata = metadata}}) == "");
  CHECK_FALSE(database.stored("document").as_text("value"));
  CHECK(bench.get("document") == R"({"a":1})");
  CHECK(bench.transact({SetRequest{.key = "broken", .value = std::string("{"), .metadata = metadata}}) != "");
}

TEST_CASE("state.mongodb forgets what expired", "[state][mongodb][needs-mongodb][.slow]") {
  const Database database;
  auto bench = database.bench();
  bench.start();
  conformance::state_store_expiry(bench, kTraits, "app||");
}

TEST_CASE("the documents of state.mongodb are those of the contract", "[state][mongodb][needs-mongodb]") {
  Database database;
  auto bench = database.bench();
  bench.start();
  CHECK(bench.set("object", R"({"b":[1,{"c":null}],"a":"text"})") == "");
  const auto object = database.stored("object");
  CHECK(json::write(object.as_json("value").value()) == R"({"a":"text","b":[1,{"c":null}]})");
  CHECK(object.as_text("_etag").value_or("").size() == 36);
  CHECK(object.as_text("_etag") == bench.etag("object"));
  REQUIRE(object.has("_ttl"));
  CHECK(object.as_json("_ttl").value().is_null());
  CHECK(bench.set("text", R"("a \"text\"\u000b")") == "");
  CHECK(database.stored("text").as_text("value") == R"("a \"text\"\u000b")");
  CHECK(bench.set({.key = "bytes", .value = std::string("{\"a\":1}")}) == "");
  CHECK(database.stored("bytes").as_text("value") == R"({"a":1})");
  CHECK(bench.set("number", "1.5") == "");
  CHECK(json::write(database.stored("number").as_json("value").value()) == "1.5");
  CHECK(bench.set({.key = "ttl", .value = parsed("1"), .metadata = {{"ttlInSeconds", "30"}}}) == "");
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto expires = database.stored("ttl").as_date("_ttl").value();
  CHECK(expires > now + 25'000);
  CHECK(expires < now + 35'000);
}

TEST_CASE("state.mongodb reads the documents of another writer", "[state][mongodb][needs-mongodb]") {
  Database database;
  auto bench = database.bench();
  bench.start();
  database.write("object", Document().json("value", parsed(R"({"a":[1,2.5]})")).text("_etag", "e1").null("_ttl"));
  database.write("text", Document().text("value", "\"quoted\"").text("_etag", "e2"));
  database.write("date", Document().date("value", 0).text("_etag", "e3"));
  database.write("old", Document().number("value", 1).text("_etag", "e4").date("_ttl", 1000));
  database.write("new", Document().number("value", 7).text("_etag", "e5").date("_ttl", 4'102'444'800'000));
  CHECK(bench.get("object") == R"({"a":[1,2.5]})");
  CHECK(bench.etag("object") == "e1");
  CHECK(bench.get("text") == R"("quoted")");
  CHECK(bench.get("date") == R"({"$date":"1970-01-01T00:00:00Z"})");
  CHECK(bench.get("old") == "");
  const auto item = bench.run(bench.store().get({.key = "new"})).value();
  REQUIRE(item);
  CHECK(item->data == "7");
  CHECK(item->metadata.at("ttlExpireTime") == "2100-01-01T00:00:00Z");
  // What has expired does not stand in the way of a first write.
  CHECK(bench.set({.key = "old", .value = std::string("2"), .options = {.concurrency = "first-write"}}) == "");
  CHECK(bench.get("old") == "2");
}

TEST_CASE("of many first writes at once one succeeds", "[state][mongodb][needs-mongodb]") {
  asio::io_context context;  // outlives the threads of the store, which hold on to it
  const Database database;
  auto bench = database.bench();
  bench.start();
  for (int round = 0; round < 5; ++round) {
    const auto key = "k" + std::to_string(round);
    CHECK(testing::run(context, at_once(&bench.store(), key, "first-write")).value() == "1 written, 15 mismatch");
    CHECK(testing::run(context, at_once(&bench.store(), key, "")).value() == "16 written, 0 mismatch");
  }
}

TEST_CASE("state.mongodb answers queries", "[state][mongodb][needs-mongodb]") {
  const Database database;
  auto bench = database.bench();
  bench.start();
  int number = 0;
  for (const auto* city : {"Rome", "Oslo", "Rome", "Bern"}) {
    ++number;
    CHECK(bench.set("k" + std::to_string(number), R"({"at":{"city":")" + std::string(city) + R"("},"n":)" + std::to_string(number) + "}") == "");
  }
  const std::string k1 = R"(k1={"at":{"city":"Rome"},"n":1} )", k2 = R"(k2={"at":{"city":"Oslo"},"n":2} )", k3 = R"(k3={"at":{"city":"Rome"},"n":3} )",
                    k4 = R"(k4={"at":{"city":"Bern"},"n":4} )";
  const std::string sort = R"(,"sort":[{"key":"n"}])";
  CHECK(queried(bench, R"({"filter":{"EQ":{"at.city":"Rome"}})" + sort + "}") == k1 + k3);
  CHECK(queried(bench, R"({"filter":{"NEQ":{"at.city":"Rome"}})" + sort + "}") == k2 + k4);
  CHECK(queried(bench, R"({"filter":{"IN":{"at.city":["Oslo","Bern"]}})" + sort + "}") == k2 + k4);
  CHECK(queried(bench, R"({"filter":{"GT":{"n":3}})" + sort + "}") == k4);
  CHECK(queried(bench, R"({"filter":{"GTE":{"n":3}})" + sort + "}") == k3 + k4);
  CHECK(queried(bench, R"({"filter":{"AND":[{"LT":{"n":3}},{"EQ":{"at.city":"Rome"}}]})" + sort + "}") == k1);
  CHECK(queried(bench, R"({"filter":{"OR":[{"LTE":{"n":1}},{"EQ":{"at.city":"Bern"}}]})" + sort + "}") == k1 + k4);
  CHECK(queried(bench, R"({"sort":[{"key":"at.city","order":"DESC"},{"key":"n"}],"page":{"limit":3}})") == k1 + k3 + k2 + "next 3");
  CHECK(queried(bench, R"({"sort":[{"key":"at.city","order":"DESC"},{"key":"n"}],"page":{"limit":3,"token":"3"}})") == k4 + "next 4");
  CHECK(queried(bench, R"({"filter":{"EQ":{"at.city":"Paris"}}})") == "");
}

TEST_CASE("queries of state.mongodb that cannot be are refused", "[state][mongodb]") {
  const auto error = [](const std::string& query) { return make_mongo_query(parsed(query)).error().message; };
  CHECK(error(R"({"filter":{"IN":{"a":[]}}})") == "empty IN operator for key \"a\"");
  CHECK(error(R"({"sort":[{"key":"a","order":"UP"}]})") == "unsupported order of sorting \"UP\"");
  CHECK(error(R"({"page":{"limit":1,"token":"x"}})") == R"(strconv.ParseInt: parsing "x": invalid syntax)");
  CHECK(error(R"({"page":{"limit":1,"token":"-1"}})") == "invalid token \"-1\"");
}

TEST_CASE("texts of state.mongodb have the escapes of Go where JSON knows them", "[state][mongodb]") {
  CHECK(quoted_text("a\"b\\c\n\té<>&") == R"("a\"b\\c\n\té<>&")");
  for (const std::string& text : {std::string("\a\v\x01\x7f"), std::string("\xf3\xa0\x80\x81"), std::string("\u200b\u2028"), std::string("nul\0", 4)}) {
    CHECK(json::parse(quoted_text(text)).value().as_string() == text);
  }
}

TEST_CASE("a pattern of LIKE is a regular expression for the whole key", "[state][mongodb]") {
  CHECK(like_expression("a.b||%_c") == R"(^a\.b\|\|(?s:.*)(?s:.)c$)");
  CHECK(like_expression(R"(a\%\_\\)") == R"(^a%_\\$)");
}

TEST_CASE("state.mongodb says what is wrong with its settings", "[state][mongodb]") {
  CHECK(start_error({}) == "must set 'host' or 'server' fields in metadata");
  CHECK(start_error({{"host", "a"}, {"server", "b"}}) == "'host' or 'server' fields are mutually exclusive");
  CHECK(start_error({{"host", "a"}, {"operationTimeout", "5"}}) == "incorrect operationTimeout field from metadata");
  CHECK_THAT(start_error({{"host", "a"}, {"writeconcern", "most"}}), Catch::Contains("error in getting write concern object"));
  CHECK_THAT(start_error({{"host", "a"}, {"readconcern", "remote"}}), Catch::Contains("error in getting read concern object: readConcern remote not found"));
  CHECK_THAT(start_error({{"connectionString", "http://a"}}), Catch::Contains("error in creating mongodb client: error parsing uri: "));
  CHECK_THAT(start_error({{"host", "127.0.0.1:1"}, {"operationTimeout", "100ms"}}), Catch::Contains("error in connecting to mongodb, host: 127.0.0.1:1 error: "));
}

TEST_CASE("state.mongodb logs in by its parts", "[state][mongodb][needs-mongodb]") {
  const auto address = server();
  const auto host = text::split(text::split(address, '@').back(), '/').front();
  const StoreBench::Settings parts{{"host", std::string(host)}, {"username", "mecha"}, {"password", "a-password"}, {"params", "authSource=admin"}, {"writeconcern", "majority"}};
  StoreBench bench(register_mongodb, "state.mongodb", parts);
  bench.start();
  CHECK(bench.set("parts", "1") == "");
  CHECK(bench.remove({.key = "parts"}) == "");
  auto wrong = parts;
  wrong["password"] = "wrong";
  CHECK_THAT(start_error(wrong), Catch::Contains("error in connecting to mongodb"));
}
