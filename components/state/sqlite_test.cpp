// state.sqlite: the conformance suite on a file and in memory, the stored layout, and the rules of its settings.

#include <unistd.h>

#include <filesystem>

#include "components/catalog.hpp"
#include "components/sqlite/connection.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"

namespace mecha::state {
void register_sqlite(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::state;
using conformance::StoreBench;

namespace {

const conformance::StoreTraits kTraits{
    .bulk_get_sorts = true,
    .document = R"({"a":"\u003cé\u003e","b":[1.5,true]})",
};

// A folder that goes away with the test.
class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "mecha_sqlite_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name = "s.db") const { return path_ + "/" + name; }

 private:
  std::string path_;
};

StoreBench bench_on(const std::string& connection, StoreBench::Settings more = {}) {
  more["connectionString"] = connection;
  return {register_sqlite, "state.sqlite", more};
}

std::string start_error(StoreBench::Settings settings) {
  StoreBench bench(register_sqlite, "state.sqlite", std::move(settings));
  return bench.start_error();
}

// "a|b|NULL" per row.
std::vector<std::string> look(const std::string& file, const std::string& sql) {
  const auto connection = sqlite::Connection::open({.uri = "file:" + file});
  REQUIRE(connection.has_value());
  const auto rows = (*connection)->query(sql);
  REQUIRE(rows.has_value());
  std::vector<std::string> lines;
  for (const auto& row : *rows) {
    std::string line;
    for (std::size_t i = 0; i < row.columns.size(); ++i) {
      line += (i ? "|" : "") + (row.is_null(i) ? "NULL" : row.text(i));
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("state.sqlite keeps the state store contract on a file", "[state][sqlite]") {
  const Folder folder;
  auto bench = bench_on(folder.file());
  bench.start();
  conformance::state_store(bench, kTraits, "app||");
  CHECK(bench.store().features() == std::vector<std::string>{"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"});
}

TEST_CASE("state.sqlite keeps the state store contract in memory and without a log", "[state][sqlite]") {
  const Folder folder;
  for (const auto& connection : {std::string(":memory:"), folder.file()}) {
    auto bench = bench_on(connection, {{"disableWAL", "true"}, {"busyTimeout", "0"}});
    bench.start();
    conformance::state_store(bench, kTraits, "app||");
  }
}

TEST_CASE("state.sqlite forgets what expired", "[state][sqlite][.slow]") {
  const Folder folder;
  auto bench = bench_on(folder.file(), {{"cleanupInterval", "1s"}});
  bench.start();
  conformance::state_store_expiry(bench, kTraits, "app||");
}

TEST_CASE("the tables of state.sqlite are those of the contract", "[state][sqlite]") {
  const Folder folder;
  auto bench = bench_on(folder.file());
  bench.start();
  CHECK(
      look(folder.file(), "SELECT name, type, \"notnull\", pk FROM pragma_table_info('state')") ==
      std::vector<std::string>{
          "key|TEXT|1|1", "value|TEXT|1|0", "is_binary|BOOLEAN|1|0", "etag|TEXT|1|0",
          "expiration_time|TIMESTAMP|0|0", "update_time|TIMESTAMP|1|0"}
  );
  CHECK(look(folder.file(), "SELECT key, value FROM metadata") == std::vector<std::string>{"migrations|1"});
  CHECK(look(folder.file(), "PRAGMA journal_mode") == std::vector<std::string>{"wal"});
}

TEST_CASE("state.sqlite stores JSON as text and bytes as base64", "[state][sqlite]") {
  const Folder folder;
  auto bench = bench_on(folder.file());
  bench.start();
  CHECK(bench.set("j", R"({"b":1,"a":"<"})") == "");
  CHECK(bench.set(SetRequest{.key = "bin", .value = std::string("\x00\xff", 2)}) == "");
  CHECK(bench.set(SetRequest{.key = "emp", .value = std::string()}) == "");
  CHECK(
      look(folder.file(), "SELECT key, value, is_binary, typeof(is_binary), expiration_time FROM state ORDER BY key") ==
      std::vector<std::string>{"bin|AP8=|1|integer|NULL", "emp||1|integer|NULL", R"(j|{"a":"\u003c","b":1}|0|integer|NULL)"}
  );
  CHECK(bench.set(SetRequest{.key = "j", .value = std::string("1"), .metadata = {{"ttlInSeconds", "30"}}}) == "");
  CHECK(
      look(folder.file(), "SELECT length(expiration_time), expiration_time > update_time FROM state WHERE key = 'j'") ==
      std::vector<std::string>{"19|1"}
  );
}

TEST_CASE("state.sqlite writes over a row where it stands", "[state][sqlite]") {
  const Folder folder;
  auto bench = bench_on(folder.file());
  bench.start();
  const std::string rows = "SELECT rowid, key, value, expiration_time FROM state ORDER BY key";
  CHECK(bench.set(SetRequest{.key = "k", .value = std::string("1"), .metadata = {{"ttlInSeconds", "30"}}}) == "");
  CHECK(bench.set("l", "1") == "");
  CHECK(bench.set("k", "2") == "");
  CHECK(look(folder.file(), rows) == std::vector<std::string>{"1|k|2|NULL", "2|l|1|NULL"});
  look(folder.file(), "UPDATE state SET expiration_time = '2001-01-01 00:00:00' WHERE key = 'k'");
  CHECK(bench.get("k") == "");
  CHECK(bench.set(SetRequest{.key = "k", .value = std::string("MQ"), .options = {.concurrency = "first-write"}}) == "");
  CHECK(look(folder.file(), "SELECT rowid, expiration_time FROM state WHERE key = 'k'") == std::vector<std::string>{"1|NULL"});
}

TEST_CASE("an operation of a transaction sees those before it", "[state][sqlite]") {
  auto bench = bench_on(":memory:");
  bench.start();
  const SetRequest first{.key = "z", .value = std::string("1"), .options = {.concurrency = "first-write"}};
  CHECK(bench.transact({first, first}) == "mismatch");
  CHECK(bench.get("z") == "");
  CHECK(bench.transact({SetRequest{.key = "z", .value = std::string("0")}, DeleteRequest{.key = "z"}, first}) == "");
  CHECK(bench.get("z") == "1");
}

TEST_CASE("state.sqlite says what is wrong with its settings", "[state][sqlite]") {
  CHECK(start_error({}) == "missing connection string");
  CHECK(start_error({{"url", ":memory:"}}) == "");
  CHECK(start_error({{"connectionString", ":memory:"}, {"tableName", "a b"}}) == "invalid identifier: a b");
  CHECK(start_error({{"connectionString", ":memory:"}, {"metadataTableName", "a-b"}}) == "invalid identifier: a-b");
  CHECK(
      start_error({{"connectionString", ":memory:"}, {"timeout", "500ms"}}) ==
      "invalid value for 'timeout': must be greater than 1s"
  );
  for (const std::string own : {"busy_timeout", "journal_mode", "foreign_keys"}) {
    CHECK(
        start_error({{"connectionString", "file:x.db?_pragma=" + own + "(5)"}}) ==
        "found forbidden option '_pragma=" + own + "' in the connection string"
    );
  }
  CHECK_THAT(start_error({{"connectionString", "/no/such/folder/x.db"}}), Catch::Contains("unable to open"));
}

TEST_CASE("two stores share a file and part by table", "[state][sqlite]") {
  const Folder folder;
  auto one = bench_on(folder.file());
  auto two = bench_on("file:" + folder.file() + "?mode=rwc");
  auto other = bench_on(folder.file(), {{"tableName", "other"}});
  one.start();
  two.start();
  other.start();
  CHECK(one.set("k", "1") == "");
  CHECK(two.get("k") == "1");
  CHECK(other.get("k") == "");
}

TEST_CASE("state.sqlite refuses an empty key in its own words", "[state][sqlite]") {
  auto bench = bench_on(":memory:");
  bench.start();
  CHECK(bench.set("", "1") == "missing key in set option");
  CHECK(bench.remove({}) == "missing key in delete operation");
  CHECK(bench.get("") == "error: missing key in get operation");
}
