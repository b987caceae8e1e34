// bindings.postgresql: the conformance suite against a real server
// (MECHA_TEST_POSTGRES=postgres://user:password@host:port/database), values of all kinds, and what can be told without one.

#include <cstdlib>

#include "components/bindings/postgresql_values.hpp"
#include "components/catalog.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"

namespace mecha::bindings {
void register_postgresql(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using conformance::BindingBench;

namespace {

std::string server() {
  const char* text = std::getenv("MECHA_TEST_POSTGRES");
  return text != nullptr ? text : "postgres://mecha:a-password@127.0.0.1:5432/postgres";
}

BindingBench bench(BindingBench::Settings settings) { return {register_postgresql, "bindings.postgresql", std::move(settings)}; }

// The data of a query, or its failure.
std::string ask(BindingBench& on, std::string sql, std::string params = {}) {
  Metadata metadata{{"sql", std::move(sql)}};
  if (!params.empty()) metadata["params"] = std::move(params);
  const auto outcome = on.invoke("query", {}, std::move(metadata));
  return outcome.error ? outcome.error->message : outcome.data;
}

std::string shown(std::string_view text, std::uint32_t type) { return json::write(to_json(text, type), json::Dialect::number_text); }

}  // namespace

TEST_CASE("columns of PostgreSQL as JSON", "[bindings][postgresql]") {
  CHECK(shown("t", 16) == "true");
  CHECK(shown("-12", 23) == "-12");
  CHECK(shown("9223372036854775807", 20) == "9223372036854775807");
  CHECK(shown("1e+06", 701) == "1000000");
  CHECK(shown("NaN", 701) == R"("NaN")");
  CHECK(shown("1.50", 1700) == "1.50");
  CHECK(shown("123456789012345678901234567890.5", 1700) == "123456789012345678901234567890.5");
  CHECK(shown("\\x00ff", 17) == R"("AP8=")");
  CHECK(shown(R"({"b": 1.0, "a": [null]})", 3802) == R"({"a":[null],"b":1})");
  CHECK(shown("2024-01-02", 1082) == R"("2024-01-02T00:00:00Z")");
  CHECK(shown("2024-01-02 03:04:05.120", 1114) == R"("2024-01-02T03:04:05.12Z")");
  CHECK(shown("2024-01-02 03:04:05+05:30", 1184) == R"("2024-01-01T21:34:05Z")");
  CHECK(shown("2024-01-02 03:04:05-01", 1184) == R"("2024-01-02T04:04:05Z")");
  CHECK(shown("infinity", 1184) == R"("infinity")");
  CHECK(shown(R"({1,NULL,3})", 1007) == "[1,null,3]");
  CHECK(shown(R"({{"a b","NULL"},{"q\"\\",NULL}})", 1009) == R"([["a b","NULL"],["q\"\\",null]])");
  CHECK(shown("{}", 1009) == "[]");
  CHECK(shown("00000000-0000-0000-0000-000000000001", 2950) == R"("00000000-0000-0000-0000-000000000001")");
}

TEST_CASE("parameters of PostgreSQL from JSON", "[bindings][postgresql]") {
  const auto shape = [](const char* json, std::uint32_t type) {
    const auto value = to_parameter(json::parse(json).value(), type);
    const auto* text = std::get_if<std::string>(&value);
    return text != nullptr ? *text : "NULL";
  };
  CHECK(shape("null", 0) == "NULL");
  CHECK(shape("1.0", 0) == "1");
  CHECK(shape("true", 0) == "true");
  CHECK(shape(R"("a")", 0) == "a");
  CHECK(shape(R"({"b":1,"a":"x"})", 3802) == R"({"a":"x","b":1})");
  CHECK(shape(R"([1,"a\"b",null,[2]])", 1009) == R"({"1","a\"b",NULL,{"2"}})");
  CHECK(shape(R"([1,"a"])", 3802) == R"([1,"a"])");
}

TEST_CASE("bindings.postgresql keeps the output contract", "[bindings][postgresql][needs-postgres]") {
  auto pg = bench({{"url", server()}});
  pg.start();
  CHECK(pg.binding().input() == nullptr);
  conformance::output_binding(
      pg, {.operations = {"exec", "query", "close"}, .works = {.operation = "query", .data = {}, .metadata = {{"sql", "SELECT 1"}}}, .place = {}}
  );
}

TEST_CASE("statements on PostgreSQL", "[bindings][postgresql][needs-postgres]") {
  for (const char* mode : {"cache_statement", "exec", "simple_protocol"}) {
    INFO(mode);
    auto pg = bench({{"connectionString", server()}, {"queryExecMode", mode}});
    pg.start();
    const auto table = "b" + text::replace_all(text::uuid(), "-", "");
    const auto exec = [&](std::string sql, std::string params = {}) {
      const auto outcome = pg.invoke("exec", {}, {{"sql", std::move(sql)}, {"params", std::move(params)}});
      INFO((outcome.error ? outcome.error->message : ""));
      REQUIRE(!outcome.error);
      CHECK(outcome.answered);
      CHECK(outcome.data.empty());
      return outcome.metadata;
    };
    exec("CREATE TABLE " + table + " (n int, t text, j jsonb, b bool, a int[], x numeric); CREATE INDEX ON " + table + " (n)");
    const auto made = exec("INSERT INTO " + table + " VALUES ($1, $2, $3, $4, $5, $6), (2, NULL, NULL, NULL, NULL, NULL)",
                           R"([1, "é'", {"k":[1]}, true, [3,4], 1.25])");
    CHECK(made.at("rows-affected") == "2");
    CHECK(made.at("operation") == "exec");
    CHECK(made.at("sql").starts_with("INSERT INTO"));
    CHECK(made.at("start-time").ends_with("Z"));
    CHECK(made.contains("end-time"));
    CHECK_FALSE(made.at("duration").empty());
    CHECK(ask(pg, "SELECT * FROM " + table + " ORDER BY n") == R"([[1,"é'",{"k":[1]},true,[3,4],1.25],[2,null,null,null,null,null]])");
    CHECK(ask(pg, "SELECT n FROM " + table + " WHERE n = ANY($1)", "[[2,3]]") == "[[2]]");
    CHECK(ask(pg, "SELECT n FROM " + table + " WHERE n > 9") == "[]");
    CHECK(pg.invoke("query", {}, {{"sql", "SELECT 1"}}).metadata.count("rows-affected") == 0);
    CHECK(exec("DROP TABLE " + table).at("rows-affected") == "0");
    CHECK(ask(pg, "SELECT * FROM " + table) == "error executing query: ERROR: relation \"" + table + "\" does not exist (SQLSTATE 42P01)");
    // A transaction that is left open is gone with its connection.
    exec("BEGIN; CREATE TABLE " + table + " (n int)");
    CHECK_THAT(ask(pg, "SELECT * FROM " + table), Catch::Contains("does not exist"));
  }
}

TEST_CASE("requests to bindings.postgresql that cannot be run", "[bindings][postgresql][needs-postgres]") {
  auto pg = bench({{"url", server()}});
  pg.start();
  CHECK(pg.refusal("exec") == "required metadata not set: sql");
  CHECK_THAT(pg.refusal("exec", {}, {{"sql", "SELECT 1"}, {"params", "x"}}), Catch::StartsWith("invalid metadata property params: failed to unserialize into an array"));
  CHECK_THAT(pg.refusal("exec", {}, {{"sql", "SELECT 1"}, {"params", "{}"}}), Catch::StartsWith("invalid metadata property params: failed to unserialize into an array"));
  CHECK_THAT(pg.refusal("query", {}, {{"sql", "SELECT $1::int"}}), Catch::Contains("SQLSTATE"));
  const auto closed = pg.invoke("close");
  CHECK(!closed.error);
  CHECK_FALSE(closed.answered);
  CHECK(pg.refusal("query", {}, {{"sql", "SELECT 1"}}) == "binding is closed");
  CHECK(!pg.invoke("close").error);
}

TEST_CASE("bindings.postgresql says what is wrong with its settings", "[bindings][postgresql]") {
  CHECK(bench({}).start_error() == "missing connection string");
  CHECK(bench({{"url", "host=a"}, {"useAWSIAM", "true"}}).start_error() == "useAWSIAM is not in this build");
  CHECK_THAT(bench({{"url", "host=127.0.0.1 port=1"}}).start_error(), Catch::Contains("Connection refused"));
}
