// bindings.mysql: the conformance suite against a real server (MECHA_TEST_MYSQL=user:password@tcp(host:port)/), values of all
// kinds, and what can be told without one.

#include <cstdlib>

#include "components/catalog.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"
#include "tests/run.hpp"

namespace mecha::bindings {
void register_mysql(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using conformance::BindingBench;

namespace {

std::string server() {
  const char* text = std::getenv("MECHA_TEST_MYSQL");
  return text != nullptr ? text : "root@tcp(127.0.0.1:3306)/";
}

BindingBench bench(BindingBench::Settings settings) { return {register_mysql, "bindings.mysql", std::move(settings)}; }

std::string ask(BindingBench& on, std::string sql, std::string params = {}) {
  Metadata metadata{{"sql", std::move(sql)}};
  if (!params.empty()) metadata["params"] = std::move(params);
  const auto outcome = on.invoke("query", {}, std::move(metadata));
  return outcome.error ? outcome.error->message : outcome.data;
}

// A database that goes away with the test.
struct Database {
  explicit Database(BindingBench& bench) : on(bench), name("mecha_" + text::replace_all(text::uuid(), "-", "_")) { exec("CREATE DATABASE " + name); }
  ~Database() { exec("DROP DATABASE " + name); }
  Metadata exec(std::string sql, std::string params = {}) const {
    const auto outcome = on.invoke("exec", {}, {{"sql", std::move(sql)}, {"params", std::move(params)}});
    INFO((outcome.error ? outcome.error->message : ""));
    REQUIRE(!outcome.error);
    CHECK(outcome.answered);
    CHECK(outcome.data.empty());
    return outcome.metadata;
  }

  BindingBench& on;
  const std::string name;
};

}  // namespace

TEST_CASE("bindings.mysql keeps the output contract", "[bindings][mysql][needs-mysql]") {
  auto my = bench({{"url", server()}});
  my.start();
  CHECK(my.binding().input() == nullptr);
  conformance::output_binding(
      my, {.operations = {"exec", "query", "close"}, .works = {.operation = "query", .data = {}, .metadata = {{"sql", "SELECT 1"}}}, .place = {}}
  );
}

TEST_CASE("statements on MySQL", "[bindings][mysql][needs-mysql]") {
  auto my = bench({{"url", server()}});
  my.start();
  const Database database(my);
  const auto table = database.name + ".t";
  database.exec("CREATE TABLE " + table + " (n BIGINT, u TINYINT UNSIGNED, f DOUBLE, d DECIMAL(6,2), t TEXT, b BLOB, at DATETIME(3), day DATE, h TIME, o BOOLEAN)");
  const auto made = database.exec("INSERT INTO " + table + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, '01:02:03', ?), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
                                  R"([9007199254740993, 200, 1.5, 12.5, "é'?\\", "a", "2024-01-02 03:04:05.120", "2024-01-02", true])");
  CHECK(made.at("rows-affected") == "2");
  CHECK(made.at("operation") == "exec");
  CHECK(made.at("start-time").ends_with("Z"));
  CHECK(made.contains("end-time"));
  CHECK_FALSE(made.at("duration").empty());
  CHECK(
      ask(my, "SELECT * FROM " + table + " WHERE u = ? ORDER BY n", "[200]") ==
      R"([{"at":"2024-01-02T03:04:05.12Z","b":"YQ==","d":"12.50","day":"2024-01-02T00:00:00Z","f":1.5,"h":"01:02:03","n":9007199254740992,"o":1,"t":"é'?\\","u":200}])"
  );
  CHECK(ask(my, "SELECT * FROM " + table + " WHERE n = 2") == R"([{"n":2}])");
  CHECK(ask(my, "SELECT * FROM " + table + " WHERE n = 3") == "null");
  CHECK(ask(my, "SELECT '?' AS q, ? AS v", "[1]") == R"([{"q":"?","v":1}])");
  CHECK(database.exec("UPDATE " + table + " SET t = ? WHERE n = 2", R"(["x"])").at("rows-affected") == "1");
  // A statement with rows, and a procedure with several results, leave the connection as it was.
  CHECK(database.exec("SELECT 1").at("rows-affected") == "0");
  database.exec("CREATE PROCEDURE " + database.name + ".p() BEGIN SELECT 1 AS a; SELECT 2 AS b; END");
  CHECK(ask(my, "CALL " + database.name + ".p()") == R"([{"a":1}])");
  CHECK(ask(my, "SELECT 1 AS a") == R"([{"a":1}])");
  CHECK_THAT(ask(my, "SELECT * FROM " + database.name + ".none"), Catch::StartsWith("error executing query: Error 1146 (42S02): "));
}

TEST_CASE("requests to bindings.mysql that cannot be run", "[bindings][mysql][needs-mysql]") {
  auto my = bench({{"url", server()}});
  my.start();
  CHECK(my.refusal("exec") == "required metadata not set: sql");
  CHECK_THAT(my.refusal("exec", {}, {{"sql", "SELECT 1"}, {"params", "x"}}), Catch::StartsWith("invalid metadata property params: failed to unserialize into an array"));
  CHECK(my.refusal("query", {}, {{"sql", "SELECT ?"}, {"params", "[1,2]"}}) == "error executing query: sql: expected 1 arguments, got 2");
  const auto closed = my.invoke("close");
  CHECK(!closed.error);
  CHECK_FALSE(closed.answered);
  CHECK(my.refusal("query", {}, {{"sql", "SELECT 1"}}) == "binding is closed");
  CHECK(!my.invoke("close").error);
}

TEST_CASE("connections of bindings.mysql have their bounds", "[bindings][mysql][needs-mysql]") {
  const auto count = "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE db = '{d}'";
  auto watch = bench({{"url", server()}});
  watch.start();
  const Database database(watch);
  const auto own = text::replace_all(count, "{d}", database.name);
  const auto url = server() + database.name;
  {
    auto one = bench({{"url", url}, {"maxOpenConns", "1"}, {"connMaxIdleTime", "1s"}});
    one.start();
    CHECK(ask(watch, own) == R"([{"n":1}])");
    const auto id = ask(one, "SELECT CONNECTION_ID() AS i");
    CHECK(ask(one, "SELECT CONNECTION_ID() AS i") == id);
    const auto none_left = [&] {
      testing::run(one.shards().context(0), []() -> asio::awaitable<void> { co_return; }());
      one.shards().context(0).run_for(std::chrono::milliseconds(50));
      return ask(watch, own) == R"([{"n":0}])";
    };
    CHECK(testing::eventually(none_left));
    CHECK(ask(one, "SELECT CONNECTION_ID() AS i") != id);
  }
}

TEST_CASE("bindings.mysql says what is wrong with its settings", "[bindings][mysql]") {
  CHECK(bench({}).start_error() == "missing MySql connection string");
  CHECK(bench({{"url", "/?tls=custom"}}).start_error() == "tls=custom and pemPath need each other");
  CHECK_THAT(bench({{"url", "u:secret@tcp(127.0.0.1:1)/"}}).start_error(), Catch::StartsWith("unable to ping the DB: Error 2002") && !Catch::Contains("secret"));
}
