// state.postgresql, both versions: the conformance suite against a real server
// (MECHA_TEST_POSTGRES=postgres://user:password@host:port/database), the stored layouts, and the rules of the settings.

#include <cstdlib>
#include <map>

#include "components/catalog.hpp"
#include "components/postgresql/pool.hpp"
#include "components/state/postgresql_query.hpp"
#include "runtime/async/parallel.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"
#include "tests/run.hpp"

namespace mecha::state {
void register_postgresql(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::state;
using conformance::StoreBench;

namespace {

const conformance::StoreTraits kFirst{
    .malformed_etag_is_invalid = true,
    .malformed_etag_is_invalid_on_delete = true,
    .first_write_refusal = "no item was updated",
    .bulk_get_sorts = true,
    .document = R"({"a": "<é>", "b": [1.5, true]})",
};
const conformance::StoreTraits kSecond{
    .first_write_refusal = "no item was updated",
    .bulk_get_sorts = true,
    .document = R"({"a":"\u003cé\u003e","b":[1.5,true]})",
};

std::string server() {
  const char* text = std::getenv("MECHA_TEST_POSTGRES");
  return text != nullptr ? text : "postgres://mecha:a-password@127.0.0.1:5432/postgres";
}

// A schema that goes away with the test. {s} in a text is its name.
class Schema {
 public:
  Schema() : name("mecha_" + text::replace_all(text::uuid(), "-", "_")) {
    const postgresql::ConnectionSettings settings{.connection = Secret(server())};
    pool = std::make_unique<postgresql::Pool>(shards, postgresql::resolve(settings).value());
    run("CREATE SCHEMA {s}");
  }
  ~Schema() {
    run("DROP SCHEMA {s} CASCADE");
    testing::run(shards.context(0), pool->close());
  }

  void run(const std::string& sql) { (void)look(sql); }
  // "a|b|NULL" per row.
  std::vector<std::string> look(const std::string& sql) {
    const auto answer = testing::run(shards.context(0), pool->run({.sql = text::replace_all(sql, "{s}", name), .params = {}}));
    INFO((answer ? "" : answer.error().message));
    REQUIRE(answer);
    std::vector<std::string> lines;
    for (const auto& row : answer->rows) {
      std::vector<std::string> words;
      for (const auto& column : row) words.push_back(column.value_or("NULL"));
      lines.push_back(text::join(words, "|"));
    }
    return lines;
  }
  StoreBench bench(std::string version, StoreBench::Settings more = {}) const {
    more.emplace("connectionString", server());
    more.emplace("metadataTableName", name + ".dapr_metadata");
    more.emplace(version == "v1" ? "tableName" : "tablePrefix", name + (version == "v1" ? ".state" : "."));
    return {register_postgresql, "state.postgresql", std::move(more), std::move(version)};
  }
  std::vector<std::string> columns() {
    return look(
        "SELECT column_name, data_type, is_nullable, COALESCE(column_default, identity_generation) FROM information_schema.columns "
        "WHERE table_schema = '{s}' AND table_name = 'state' ORDER BY ordinal_position"
    );
  }
  std::vector<std::string> indexes() {
    return look("SELECT replace(indexdef, '{s}', 's') FROM pg_indexes WHERE schemaname = '{s}' AND tablename = 'state' ORDER BY indexname");
  }

  std::string name;
  Shards shards{1};
  std::unique_ptr<postgresql::Pool> pool;
};

struct Race {
  StateStore* store;
  std::string key, concurrency;
  std::map<std::string, int> results;

  asio::awaitable<void> one(std::size_t index) {
    const auto done = co_await store->set({.key = key, .value = std::to_string(index), .options = {.concurrency = concurrency}});
    ++results[done ? "written" : done.error().message];
  }
};

// How writes of a key ended: "1 written, 15 no item was updated".
Async<void> at_once(Race* race, std::size_t count) {
  co_await for_each_parallel(count, count, [race](std::size_t i) { return race->one(i); });
  co_return Result<void>{};
}

// Writes the same two keys in one order or the other.
struct Crossing {
  StateStore* store;
  std::string prefix;
  int failed = 0;

  asio::awaitable<void> one(std::size_t index) {
    std::vector<Operation> operations;
    for (const auto* name : {"a", "b"}) operations.emplace_back(SetRequest{.key = prefix + name, .value = std::to_string(index)});
    if (index % 2 == 1) std::swap(operations[0], operations[1]);
    const auto done = co_await store->transact({.operations = std::move(operations)});
    if (!done) ++failed;
  }
};

Async<void> cross(Crossing* crossing, std::size_t count) {
  co_await for_each_parallel(count, count, [crossing](std::size_t i) { return crossing->one(i); });
  co_return Result<void>{};
}

std::string start_error(StoreBench::Settings settings, std::string version = "v2") {
  return StoreBench(register_postgresql, "state.postgresql", std::move(settings), std::move(version)).start_error();
}

}  // namespace

TEST_CASE("state.postgresql keeps the state store contract", "[state][postgresql][needs-postgres]") {
  const auto version = GENERATE(std::string("v1"), std::string("v2"));
  INFO(version);
  const Schema schema;
  for (const char* mode : {"cache_statement", "exec", "simple_protocol"}) {
    INFO(mode);
    auto bench = schema.bench(version, {{"queryExecMode", mode}});
    bench.start();
    conformance::state_store(bench, version == "v1" ? kFirst : kSecond, std::string(mode) + "||");
    auto features = std::vector<std::string>{"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"};
    if (version == "v1") features.emplace_back("QUERY_API");
    CHECK(bench.store().features() == features);
  }
}

TEST_CASE("state.postgresql forgets what expired", "[state][postgresql][needs-postgres][.slow]") {
  const auto version = GENERATE(std::string("v1"), std::string("v2"));
  INFO(version);
  Schema schema;
  auto bench = schema.bench(version, {{"cleanupInterval", "1s"}});
  bench.start();
  CHECK(bench.set({.key = "gone", .value = std::string("1"), .metadata = {{"ttlInSeconds", "1"}}}) == "");
  conformance::state_store_expiry(bench, version == "v1" ? kFirst : kSecond, "app||");
  CHECK(testing::eventually([&] {
    (void)bench.get("gone");  // lets the store work
    return schema.look("SELECT COUNT(*) FROM {s}.state WHERE key = 'gone'").at(0) == "0";
  }));
  const auto row = version == "v1" ? std::string("last-cleanup") : "last-cleanup-state-v2-" + schema.name + ".";
  CHECK(schema.look("SELECT value::timestamptz > now() - interval '1 minute' FROM {s}.dapr_metadata WHERE key = '" + row + "'") == std::vector<std::string>{"t"});
}

TEST_CASE("the tables of state.postgresql v1 are those of the contract", "[state][postgresql][needs-postgres]") {
  Schema schema;
  schema.bench("v1").start();
  CHECK(
      schema.columns() == std::vector<std::string>{
                              "key|text|NO|NULL", "value|jsonb|NO|NULL", "isbinary|boolean|NO|NULL", "insertdate|timestamp with time zone|NO|now()",
                              "updatedate|timestamp with time zone|YES|NULL", "expiredate|timestamp with time zone|YES|NULL",
                              "row_id|bigint|NO|BY DEFAULT"}
  );
  CHECK(
      schema.indexes() == std::vector<std::string>{
                              "CREATE UNIQUE INDEX state_pkey ON s.state USING btree (key)",
                              "CREATE UNIQUE INDEX state_row_id_uidx ON s.state USING btree (row_id)"}
  );
  CHECK(schema.look("SELECT key, value FROM {s}.dapr_metadata ORDER BY key") == std::vector<std::string>{"lock|lock", "migrations|3"});
}

TEST_CASE("the tables of state.postgresql v2 are those of the contract", "[state][postgresql][needs-postgres]") {
  Schema schema;
  schema.bench("v2").start();
  CHECK(
      schema.columns() == std::vector<std::string>{
                              "key|text|NO|NULL", "value|bytea|NO|NULL", "etag|uuid|NO|gen_random_uuid()", "created_at|timestamp with time zone|NO|now()",
                              "updated_at|timestamp with time zone|YES|NULL", "expires_at|timestamp with time zone|YES|NULL",
                              "row_id|bigint|NO|BY DEFAULT"}
  );
  CHECK(
      schema.indexes() == std::vector<std::string>{
                              "CREATE INDEX state_expires_at_idx ON s.state USING btree (expires_at)",
                              "CREATE UNIQUE INDEX state_pkey ON s.state USING btree (key)",
                              "CREATE UNIQUE INDEX state_row_id_uidx ON s.state USING btree (row_id)"}
  );
  CHECK(
      schema.look("SELECT key, value FROM {s}.dapr_metadata ORDER BY key") ==
      std::vector<std::string>{"lock|lock", "migrations-state-v2-" + schema.name + ".|2"}
  );
}

TEST_CASE("golden records of state.postgresql v1", "[state][postgresql][needs-postgres]") {
  Schema schema;
  auto bench = schema.bench("v1");
  bench.start();
  CHECK(bench.set("j", R"({"b":1,"a":"<'\\","big":12345678901234567890})") == "");
  CHECK(bench.set({.key = "bin", .value = std::string("\x00\xff", 2)}) == "");
  CHECK(bench.set({.key = "emp", .value = std::string(), .metadata = {{"ttlInSeconds", "30"}}}) == "");
  CHECK(
      schema.look("SELECT row_id, key, value, isbinary, updatedate, expiredate - insertdate FROM {s}.state ORDER BY row_id") ==
      std::vector<std::string>{
          R"(1|j|{"a": "<'\\", "b": 1, "big": 12345678901234567000}|f|NULL|NULL)", R"(2|bin|"AP8="|t|NULL|NULL)", R"(3|emp|""|t|NULL|00:00:30)"}
  );
  CHECK(bench.etag("j") == schema.look("SELECT xmin FROM {s}.state WHERE key = 'j'").at(0));
  // Overwritten, the row keeps its number and its first time.
  CHECK(bench.set("j", "2", bench.etag("j")) == "");
  CHECK(schema.look("SELECT row_id, value, insertdate < updatedate FROM {s}.state WHERE key = 'j'") == std::vector<std::string>{"1|2|t"});
  CHECK(bench.set("j", "1", "4294967296") == "invalid");
  CHECK(bench.set("j", "1", "-1") == "invalid");
}

TEST_CASE("golden records of state.postgresql v2", "[state][postgresql][needs-postgres]") {
  Schema schema;
  auto bench = schema.bench("v2");
  bench.start();
  CHECK(bench.set("j", R"({"b":1,"a":"<'\\"})") == "");
  CHECK(bench.set({.key = "bin", .value = std::string("\x00\xff", 2)}) == "");
  CHECK(bench.set({.key = "emp", .value = std::string(), .metadata = {{"ttlInSeconds", "30"}}}) == "");
  CHECK(
      schema.look("SELECT row_id, key, encode(value, 'escape'), updated_at, expires_at - created_at FROM {s}.state ORDER BY row_id") ==
      std::vector<std::string>{R"(1|j|{"a":"\\u003c'\\\\","b":1}|NULL|NULL)", R"(2|bin|\000\377|NULL|NULL)", "3|emp||NULL|00:00:30"}
  );
  CHECK(bench.get("bin") == std::string("\x00\xff", 2));
  const auto etag = bench.etag("j");
  CHECK(etag == schema.look("SELECT etag FROM {s}.state WHERE key = 'j'").at(0));
  CHECK(bench.set("j", "2", text::upper(etag)) == "");
  CHECK(bench.etag("j") != etag);
  for (const std::string form : {"{}", "urn:uuid:"}) {
    const auto now = bench.etag("j");
    CHECK(bench.set("j", "2", form == "{}" ? "{" + now + "}" : form + now) == "");
  }
  for (const auto& none : {std::string("bad"), std::string(36, 'a'), "uuid:urn:" + etag, std::string(32, 'A')}) CHECK(bench.set("j", "2", none) == "mismatch");
  CHECK(schema.look("SELECT row_id, created_at < updated_at FROM {s}.state WHERE key = 'j'") == std::vector<std::string>{"1|t"});
}

TEST_CASE("state.postgresql reads the records of another writer and completes its older table", "[state][postgresql][needs-postgres]") {
  Schema schema;
  schema.run("CREATE TABLE {s}.state (key text NOT NULL PRIMARY KEY, value jsonb NOT NULL, isbinary boolean NOT NULL, "
             "insertdate timestamp with time zone NOT NULL DEFAULT now(), updatedate timestamp with time zone)");
  schema.run(R"(INSERT INTO {s}.state VALUES ('z', '{"a": 1}', false, '2001-01-01'), ('b', '"AP8="', true, '2002-01-01'), ('a', '1', false, '2002-01-01'))");
  auto bench = schema.bench("v1");
  bench.start();
  CHECK(bench.get("z") == R"({"a": 1})");
  CHECK(bench.get("b") == std::string("\x00\xff", 2));
  CHECK(bench.set("new", "1") == "");
  CHECK(schema.look("SELECT key, row_id FROM {s}.state ORDER BY row_id") == std::vector<std::string>{"z|1", "a|2", "b|3", "new|4"});
  auto second = schema.bench("v1");
  second.start();
  CHECK(second.get("z") == R"({"a": 1})");
  // A newer writer's count is left alone.
  schema.run("UPDATE {s}.dapr_metadata SET value = '9' WHERE key = 'migrations'");
  schema.bench("v1").start();
  CHECK(schema.look("SELECT value FROM {s}.dapr_metadata WHERE key = 'migrations'") == std::vector<std::string>{"9"});
}

TEST_CASE("stores that share a table of migrations have each its own records", "[state][postgresql][needs-postgres]") {
  const auto version = GENERATE(std::string("v1"), std::string("v2"));
  Schema schema;
  schema.bench(version).start();
  schema.run("DROP TABLE {s}.state");
  auto again = schema.bench(version);
  again.start();
  CHECK(again.set("k", "1") == "");
  auto other = schema.bench("v1", {{"tableName", schema.name + ".other"}});
  other.start();
  CHECK(other.get("k") == "");
  CHECK(other.set("k", "2") == "");
  CHECK(again.get("k") == "1");
}

TEST_CASE("both versions share a database", "[state][postgresql][needs-postgres]") {
  Schema schema;
  auto first = schema.bench("v1", {{"tableName", schema.name + ".old"}});
  auto second = schema.bench("v2");
  first.start();
  second.start();
  CHECK(first.set("k", "1") == "");
  CHECK(second.set("k", "2") == "");
  CHECK(first.get("k") == "1");
  CHECK(second.get("k") == "2");
}

TEST_CASE("an expired record does not stand in the way of a first write in PostgreSQL", "[state][postgresql][needs-postgres]") {
  const auto version = GENERATE(std::string("v1"), std::string("v2"));
  Schema schema;
  auto bench = schema.bench(version);
  bench.start();
  CHECK(bench.set("k", "1") == "");
  schema.run(std::string("UPDATE {s}.state SET ") + (version == "v1" ? "expiredate" : "expires_at") + " = '2001-01-01'");
  CHECK(bench.get("k") == "");
  CHECK(bench.set({.key = "k", .value = std::string("2"), .options = {.concurrency = "first-write"}}) == "");
  CHECK(bench.get("k") == "2");
}

TEST_CASE("of many first writes at once one succeeds in PostgreSQL, and plain writes all do", "[state][postgresql][needs-postgres]") {
  const auto version = GENERATE(std::string("v1"), std::string("v2"));
  const Schema schema;
  auto bench = schema.bench(version, {{"maxConns", "8"}});
  bench.start();
  for (int round = 0; round < 5; ++round) {
    Race race{&bench.store(), "k" + std::to_string(round), "first-write", {}};
    REQUIRE(bench.run(at_once(&race, 16)));
    CHECK(race.results == std::map<std::string, int>{{"no item was updated", 15}, {"written", 1}});
    Race plain{&bench.store(), race.key, "", {}};
    REQUIRE(bench.run(at_once(&plain, 16)));
    CHECK(plain.results == std::map<std::string, int>{{"written", 16}});
  }
}

TEST_CASE("transactions that cross are done again", "[state][postgresql][needs-postgres]") {
  const Schema schema;
  auto bench = schema.bench("v2", {{"maxConns", "8"}});
  bench.start();
  Crossing crossing{&bench.store(), "c"};
  // The server looks for deadlocks when one has waited for a second.
  REQUIRE(bench.run(cross(&crossing, 4)));
  CHECK(crossing.failed == 0);
  CHECK(bench.get("ca") == bench.get("cb"));
}

TEST_CASE("keys with signs of SQL are keys", "[state][postgresql][needs-postgres]") {
  const Schema schema;
  auto bench = schema.bench("v2");
  bench.start();
  const std::vector<std::string> keys{"a\"b", "a,b", "{a}", "a\\b", "a'b", "NULL", " a "};
  std::vector<GetRequest> requests;
  for (const auto& key : keys) {
    CHECK(bench.set(key, "1") == "");
    CHECK(bench.get(key) == "1");
    requests.push_back({.key = key});
  }
  const auto items = bench.run(bench.store().bulk_get(requests, 0)).value();
  CHECK(items.size() == keys.size());
  for (const auto& item : items) CHECK(item.item);
  CHECK_THAT(bench.set(std::string("a\0b", 3), "1"), Catch::Contains("invalid byte sequence"));
}

TEST_CASE("state.postgresql v1 answers queries", "[state][postgresql][needs-postgres]") {
  const Schema schema;
  auto bench = schema.bench("v1");
  bench.start();
  CHECK(bench.set("p1", R"({"name":"a'b","org":{"id":10,"big":1000000},"ok":true})") == "");
  CHECK(bench.set("p2", R"({"name":"b","org":{"id":20}})") == "");
  CHECK(bench.set("p3", R"({"name":"c","org":{"id":30}})") == "");
  const auto ask = [&](const std::string& text) -> std::string {
    auto result = bench.run(bench.store().query({.query = json::parse(text).value()}));
    if (!result) return result.error().message;
    std::string out;
    for (const auto& item : result->results) out += item.key + " ";
    return out + result->token;
  };
  CHECK(ask(R"({"filter":{"EQ":{"name":"a'b"}}})") == "p1 ");
  CHECK(ask(R"({"filter":{"EQ":{"org.big":1000000}}})") == "p1 ");
  CHECK(ask(R"({"filter":{"EQ":{"ok":true}}})") == "p1 ");
  CHECK(ask(R"({"filter":{"NEQ":{"name":"b"}},"sort":[{"key":"name","order":"DESC"}]})") == "p3 p1 ");
  CHECK(ask(R"({"filter":{"OR":[{"EQ":{"name":"b"}},{"AND":[{"GTE":{"org.id":30}},{"LT":{"org.id":40}}]}]},"sort":[{"key":"name"}]})") == "p2 p3 ");
  CHECK(ask(R"({"filter":{"IN":{"name":["b","c"]}},"sort":[{"key":"name"}]})") == "p2 p3 ");
  CHECK(ask(R"({"sort":[{"key":"name"}],"page":{"limit":2}})") == "p1 p2 2");
  CHECK(ask(R"({"sort":[{"key":"name"}],"page":{"limit":2,"token":"2"}})") == "p3 3");
  CHECK(ask(R"({"filter":{"EQ":{"na'me":"x"}}})").empty());
  CHECK(ask(R"({"filter":{"GT":{"name":"b"}}})") == "unsupported type of value b; string type not permitted");
  CHECK(ask(R"({"sort":[{"key":"name","order":"x; DROP"}]})") == "unsupported order of sorting \"x; DROP\"");
  CHECK_THAT(ask(R"({"page":{"limit":2,"token":"x"}})"), Catch::Contains("strconv.ParseInt"));
  const auto first = bench.run(bench.store().query({.query = json::parse(R"({"filter":{"EQ":{"name":"b"}}})").value()})).value().results.at(0);
  CHECK(first.data == R"({"org": {"id": 20}, "name": "b"})");
  CHECK(first.etag == bench.etag("p2"));
}

TEST_CASE("state.postgresql says what is wrong with its settings", "[state][postgresql]") {
  for (const auto* version : {"v1", "v2"}) {
    CHECK(start_error({}, version) == "missing connection string");
    CHECK(start_error({{"url", "host=a"}, {"cleanupInterval", "x"}}, version) == "invalid value for 'cleanupInterval': x");
    CHECK(start_error({{"url", "host=a"}, {"timeout", "0"}}, version) == "invalid value for 'timeout': must be greater than 1s");
    CHECK(start_error({{"url", "host=a"}, {"queryExecMode", "x"}}, version) == "invalid queryExecMode metadata value: x");
    CHECK_THAT(start_error({{"url", "host=127.0.0.1 port=1 password=secret"}}, version), Catch::Contains("Connection refused") && !Catch::Contains("secret"));
  }
  CHECK(start_error({{"url", "host=a"}}, "v0") == "couldn't find state store state.postgresql/v0");
}
