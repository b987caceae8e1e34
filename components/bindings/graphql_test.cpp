// bindings.graphql against a scripted server: the contract, what goes out, what comes back.

#include "components/catalog.hpp"
#include "runtime/base/json.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"
#include "tests/fakes/http_server.hpp"

namespace mecha::bindings {
void register_graphql(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using conformance::BindingBench;
using fakes::HttpServer;

namespace {

constexpr const char* kAnswer = R"({"data":{"b":1.50,"a":["x"]}})";

BindingBench bench(const HttpServer& server, BindingBench::Settings more = {}) {
  more.emplace("endpoint", server.url() + "/graphql");
  return {register_graphql, "bindings.graphql", std::move(more)};
}

}  // namespace

TEST_CASE("bindings.graphql keeps the output contract", "[bindings][graphql]") {
  HttpServer server({{"POST /graphql", {200, kAnswer}}});
  auto graphql = bench(server);
  graphql.start();
  conformance::output_binding(
      graphql,
      {.operations = {"query", "mutation"},
       .works = {.operation = "query", .data = "", .metadata = {{"query", "query { a }"}}},
       .place = {}}
  );
}

TEST_CASE("variables and headers go along, data and times come back", "[bindings][graphql]") {
  HttpServer server({{"POST /graphql", {200, kAnswer}}});
  auto graphql = bench(server, {{"header:X-Key", "one"}, {"header:X-Other", "two"}});
  graphql.start();
  const auto got = graphql.invoke(
      "mutation", "", {{"mutation", "mutation m { a }"}, {"variable:name", "bob"}, {"header:X-Other", "three"}}
  );
  REQUIRE_FALSE(got.error);
  CHECK(got.data == R"({"a":["x"],"b":1.5})");
  CHECK(got.metadata.at("operation") == "mutation");
  for (const auto* name : {"start-time", "end-time", "duration"}) CHECK_FALSE(got.metadata.at(name).empty());
  const auto seen = server.seen().front();
  CHECK(seen.body == R"({"query":"mutation m { a }","variables":{"name":"bob"}})");
  CHECK(seen.headers.at("x-key") == "one");
  CHECK(seen.headers.at("x-other") == "three");
  CHECK(seen.headers.at("content-type") == "application/json; charset=utf-8");
}

TEST_CASE("what the server refuses is an error", "[bindings][graphql]") {
  HttpServer server({{"POST /graphql", {200, R"({"errors":[{"message":"no field"}],"data":null})"}}});
  auto graphql = bench(server);
  graphql.start();
  const Metadata query{{"query", "query { a }"}};
  CHECK(graphql.refusal("query", "", query) == "GraphQL Error: graphql: no field");
  server.route("POST /graphql", {503, "down"});
  CHECK(graphql.refusal("query", "", query) == "GraphQL Error: graphql: server returned a non-200 status code: 503");
  CHECK(graphql.refusal("query") == "GraphQL Error: required \"query\" not set");
  for (const auto* text : {"mutation { a }", "{ a query }", "queryAll { a }", " "}) {
    CHECK(graphql.refusal("query", "", {{"query", text}}) == "GraphQL Error: command is not a query");
  }
  CHECK(BindingBench(register_graphql, "bindings.graphql", {}).start_error() == "GraphQL Error: Missing GraphQL URL");
}
