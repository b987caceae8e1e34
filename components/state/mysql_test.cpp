// state.mysql: the conformance suite against a real server (MECHA_TEST_MYSQL=user:password@tcp(host:port)/), the stored
// layout, and the rules of its settings.

#include <algorithm>
#include <cstdlib>

#include "components/catalog.hpp"
#include "components/mysql/connection.hpp"
#include "runtime/async/parallel.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"
#include "tests/run.hpp"

namespace mecha::state {
void register_mysql(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::state;
using conformance::StoreBench;

namespace {

const conformance::StoreTraits kTraits{
    .bulk_get_sorts = true,
    .document = R"({"a":"\u003cé\u003e","b":[1.5,true]})",
};

std::string server() {
  const char* text = std::getenv("MECHA_TEST_MYSQL");
  return text ? text : "root@tcp(127.0.0.1:3306)/";
}

// A database that goes away with the test.
class Schema {
 public:
  Schema() : name("mecha_" + text::replace_all(text::uuid(), "-", "_")) {
    auto dsn = mysql::parse_dsn(server());
    REQUIRE(dsn);
    auto opened = mysql::Connection::open({.dsn = *dsn, .ca_file = {}});
    REQUIRE(opened);
    connection = *std::move(opened);
  }
  ~Schema() { (void)connection->execute("DROP DATABASE IF EXISTS " + name); }

  void run(const std::string& sql) { REQUIRE(connection->execute(text::replace_all(sql, "{s}", name))); }
  // "a|b|NULL" per row.
  std::vector<std::string> look(const std::string& sql) {
    const auto rows = connection->query(text::replace_all(sql, "{s}", name));
    REQUIRE(rows);
    std::vector<std::string> lines;
    for (const auto& row : *rows) {
      std::vector<std::string> words;
      for (const auto& column : row) words.push_back(column.value_or("NULL"));
      lines.push_back(text::join(words, "|"));
    }
    return lines;
  }
  StoreBench bench(StoreBench::Settings more = {}) const {
    more.emplace("connectionString", server());
    more.emplace("schemaName", name);
    return {register_mysql, "state.mysql", std::move(more)};
  }

  std::string name;
  std::unique_ptr<mysql::Connection> connection;
};

struct Race {
  StateStore* store;
  std::string key, concurrency;
  std::map<std::string, int> results;

  asio::awaitable<void> one(std::size_t index) {
    const auto done = co_await store->set({.key = key, .value = std::to_string(index), .options = {.concurrency = concurrency}});
    const bool lost = !done && done.error().failure == Failure::etag_mismatch;
    ++results[done ? "written" : lost ? "mismatch" : done.error().message];
  }
};

// How writes of a key ended: "1 written, 15 mismatch".
Async<std::string> at_once(StateStore* store, std::string key, std::string concurrency, std::size_t count) {
  Race race{store, std::move(key), std::move(concurrency), {}};
  co_await for_each_parallel(count, count, [&race](std::size_t i) { return race.one(i); });
  std::vector<std::string> lines;
  for (const auto& [what, times] : race.results) lines.push_back(std::to_string(times) + ' ' + what);
  std::ranges::sort(lines);
  co_return text::join(lines, ", ");
}

std::string start_error(StoreBench::Settings settings) { return StoreBench(register_mysql, "state.mysql", std::move(settings)).start_error(); }

}  // namespace

TEST_CASE("state.mysql keeps the state store contract", "[state][mysql][needs-mysql]") {
  const Schema schema;
  auto bench = schema.bench();
  bench.start();
  conformance::state_store(bench, kTraits, "app||");
  CHECK(bench.store().features() == std::vector<std::string>{"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"});
}

TEST_CASE("state.mysql forgets what expired", "[state][mysql][needs-mysql][.slow]") {
  Schema schema;
  auto bench = schema.bench({{"cleanupInterval", "1s"}});
  bench.start();
  CHECK(bench.set({.key = "gone", .value = std::string("1"), .metadata = {{"ttlInSeconds", "1"}}}) == "");
  conformance::state_store_expiry(bench, kTraits, "app||");
  CHECK(testing::eventually([&] {
    (void)bench.get("gone");  // lets the store work
    return schema.look("SELECT COUNT(*) FROM {s}.state WHERE id = 'gone'").at(0) == "0";
  }));
  CHECK(schema.look("SELECT id, LENGTH(value) FROM {s}.dapr_metadata") == std::vector<std::string>{"last-cleanup|19"});
}

TEST_CASE("the tables of state.mysql are those of the contract", "[state][mysql][needs-mysql]") {
  Schema schema;
  auto bench = schema.bench();
  bench.start();
  // JSON is an alias of LONGTEXT in MariaDB.
  CHECK(
      schema.look(
          "SELECT column_name, REPLACE(column_type, 'longtext', 'json'), is_nullable, extra FROM information_schema.columns "
          "WHERE table_schema = '{s}' AND table_name = 'state' ORDER BY ordinal_position"
      ) ==
      std::vector<std::string>{
          "id|varchar(255)|NO|", "value|json|NO|", "isbinary|tinyint(1)|NO|", "insertDate|timestamp|NO|",
          "updateDate|timestamp|NO|on update current_timestamp()", "eTag|varchar(36)|NO|", "expiredate|timestamp|YES|",
          "row_id|bigint(20) unsigned|NO|auto_increment"}
  );
  CHECK(
      schema.look(
          "SELECT index_name, column_name, non_unique FROM information_schema.statistics "
          "WHERE table_schema = '{s}' AND table_name = 'state' ORDER BY index_name"
      ) == std::vector<std::string>{"expiredate_idx|expiredate|1", "PRIMARY|id|0", "row_id_uidx|row_id|0"}
  );
  CHECK(
      schema.look(
          "SELECT column_name, column_type, is_nullable, column_key FROM information_schema.columns "
          "WHERE table_schema = '{s}' AND table_name = 'dapr_metadata' ORDER BY ordinal_position"
      ) == std::vector<std::string>{"id|varchar(255)|NO|PRI", "value|text|NO|"}
  );
}

TEST_CASE("state.mysql stores JSON as such and bytes as a text of base64", "[state][mysql][needs-mysql]") {
  Schema schema;
  auto bench = schema.bench();
  bench.start();
  CHECK(bench.set("j", R"({"b":1,"a":"<'\\"})") == "");
  CHECK(bench.set({.key = "bin", .value = std::string("\x00\xff", 2)}) == "");
  CHECK(bench.set({.key = "emp", .value = std::string()}) == "");
  CHECK(
      schema.look("SELECT id, value, isbinary, LENGTH(eTag), expiredate FROM {s}.state ORDER BY id") ==
      std::vector<std::string>{R"(bin|"AP8="|1|36|NULL)", R"(emp|""|1|36|NULL)", R"(j|{"a":"\u003c'\\","b":1}|0|36|NULL)"}
  );
  // A row is made anew by a plain write, and kept by one with an etag.
  const auto row = [&] { return schema.look("SELECT row_id FROM {s}.state WHERE id = 'j'").at(0); };
  const auto before = row();
  CHECK(bench.set("j", "2", bench.etag("j")) == "");
  CHECK(row() == before);
  CHECK(bench.set({.key = "j", .value = std::string("1"), .metadata = {{"ttlInSeconds", "30"}}}) == "");
  CHECK(row() != before);
  CHECK(schema.look("SELECT TIMESTAMPDIFF(SECOND, insertDate, expiredate) FROM {s}.state WHERE id = 'j'") == std::vector<std::string>{"30"});
}

TEST_CASE("state.mysql reads the records of another writer and completes its older table", "[state][mysql][needs-mysql]") {
  Schema schema;
  schema.run("CREATE DATABASE {s}");
  schema.run(
      "CREATE TABLE {s}.old (id VARCHAR(255) NOT NULL PRIMARY KEY, value JSON NOT NULL, isbinary BOOLEAN NOT NULL, "
      "insertDate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, updateDate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, "
      "eTag VARCHAR(36) NOT NULL)"
  );
  schema.run(R"(INSERT INTO {s}.old (id, value, isbinary, eTag) VALUES ('k', '{"a": 1}', 0, 'e1'), ('b', '"AP8="', 1, 'e2'))");
  auto bench = schema.bench({{"tableName", "old"}, {"metadataTableName", "other"}});
  bench.start();
  CHECK(bench.get("k") == R"({"a": 1})");
  CHECK(bench.etag("k") == "e1");
  CHECK(bench.get("b") == std::string("\x00\xff", 2));
  CHECK(bench.set({.key = "k", .value = std::string("1"), .metadata = {{"ttlInSeconds", "30"}}}) == "");
  auto second = schema.bench({{"tableName", "old"}, {"metadataTableName", "other"}});
  second.start();
  CHECK(second.get("k") == "1");
}

TEST_CASE("an expired record does not stand in the way of a first write", "[state][mysql][needs-mysql]") {
  Schema schema;
  auto bench = schema.bench();
  bench.start();
  CHECK(bench.set("k", "1") == "");
  schema.run("UPDATE {s}.state SET expiredate = '2001-01-01 00:00:00'");
  CHECK(bench.get("k") == "");
  CHECK(bench.set({.key = "k", .value = std::string("2"), .options = {.concurrency = "first-write"}}) == "");
  CHECK(bench.get("k") == "2");
}

TEST_CASE("of many first writes at once one succeeds, and plain writes all do", "[state][mysql][needs-mysql]") {
  asio::io_context context;  // outlives the threads of the store, which hold on to it
  const Schema schema;
  auto bench = schema.bench();
  bench.start();
  for (int round = 0; round < 10; ++round) {
    const auto key = "k" + std::to_string(round);
    const auto results = testing::run(context, at_once(&bench.store(), key, "first-write", 16));
    CHECK(results.value() == "1 written, 15 mismatch");
    const auto plain = testing::run(context, at_once(&bench.store(), key, "", 16));
    CHECK(plain.value() == "16 written");
    CHECK(bench.remove({.key = key, .etag = bench.etag(key)}) == "");
  }
}

TEST_CASE("a connection that the server ended is replaced", "[state][mysql][needs-mysql]") {
  Schema schema;
  auto bench = schema.bench();
  bench.start();
  CHECK(bench.set("k", "1") == "");
  for (const auto& id : schema.look("SELECT id FROM information_schema.processlist WHERE db = '{s}'")) schema.run("KILL " + id);
  // At most the call that meets the loss fails.
  CHECK(testing::eventually([&] { return bench.get("k") == "1"; }));
}

TEST_CASE("state.mysql over TLS, checked or not", "[state][mysql][needs-mysql]") {
  const Schema schema;
  const char* folder = std::getenv("MECHA_TEST_TLS_DIR");
  REQUIRE(folder != nullptr);
  const auto ca = std::string(folder) + "/ca.crt";
  auto custom = schema.bench({{"connectionString", server() + "?tls=custom"}, {"pemPath", ca}});
  custom.start();
  CHECK(custom.set("k", "1") == "");
  auto unverified = schema.bench({{"connectionString", server() + "?tls=skip-verify"}});
  unverified.start();
  CHECK(unverified.get("k") == "1");
  CHECK_THAT(schema.bench({{"connectionString", server() + "?tls=true"}}).start_error(), Catch::Contains("certificate"));
}

TEST_CASE("state.mysql says what is wrong with its settings", "[state][mysql]") {
  CHECK(start_error({}) == "missing connection string");
  CHECK(start_error({{"connectionString", "/"}, {"tableName", "a b"}}) == "table name 'a b' is not valid");
  CHECK(start_error({{"connectionString", "/"}, {"schemaName", "a-b"}}) == "schema name 'a-b' is not valid");
  CHECK(start_error({{"connectionString", "/db"}}) == "invalid connectionString: schemaName names the database");
  CHECK(start_error({{"connectionString", "/?tls=custom"}}) == "tls=custom and pemPath need each other");
  CHECK(start_error({{"connectionString", "/"}, {"cleanupInterval", "x"}}) == "invalid value for 'cleanupInterval': x");
  CHECK_THAT(start_error({{"connectionString", "u:secret@tcp(127.0.0.1:1)/"}}), Catch::Contains("Error 2002"));
  for (const auto* fine : {"", "0", "-1"}) {
    CHECK_THAT(start_error({{"connectionString", "u:secret@tcp(127.0.0.1:1)/"}, {"timeoutInSeconds", fine}}), Catch::Contains("Error 2002"));
  }
}
