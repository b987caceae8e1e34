// secretstores.hashicorp.vault against a scripted server.

#include <filesystem>
#include <fstream>

#include "components/secretstores/raw_member.hpp"
#include "tests/conformance/secret_store_suite.hpp"
#include "tests/fakes/http_server.hpp"

namespace mecha::secrets {
void register_vault(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::secrets;
using fakes::HttpServer;

namespace {

constexpr const char* kType = "secretstores.hashicorp.vault";

std::string kv(const std::string& pairs) { return R"({"data": {"data": )" + pairs + R"(, "metadata": {"version": 3}}})"; }

HttpServer::Routes routes() {
  return {
      {"GET /v1/secret/data/dapr/db?version=0", {200, kv(R"({"user": "joe", "none": null})")}},
      {"GET /v1/secret/data/dapr/db?version=3", {200, kv(R"({"user": "joe", "none": null})")}},
      {"GET /v1/secret/data/dapr/a/b%20c?version=0", {200, kv(R"({ "n" : [1, "}"] })")}},
      {"LIST /v1/secret/metadata/dapr/", {200, R"({"data":{"keys":["db","a/","gone"]}})"}},
      {"LIST /v1/secret/metadata/dapr/a/", {200, R"({"data":{"keys":["b c"]}})"}},
  };
}

std::vector<NameValue> at(const HttpServer& server, std::vector<NameValue> more = {}) {
  more.push_back({.name = "vaultAddr", .value = server.url()});
  more.push_back({.name = "vaultToken", .value = "tok"});
  return more;
}

std::string start_failure(std::vector<NameValue> metadata) {
  conformance::Stage stage(register_vault);
  const auto store = stage.start(kType, std::move(metadata));
  REQUIRE(!store);
  return store.error().message;
}

}  // namespace

TEST_CASE("secretstores.hashicorp.vault keeps the secret store contract", "[secretstores][vault]") {
  HttpServer server(routes());
  server.route("GET /v1/secret/data/dapr/a/b%20c?version=0", {200, kv(R"({"n": "1"})")});
  conformance::Stage stage(register_vault);
  const auto store = stage.start(kType, at(server));
  REQUIRE(store);
  conformance::secret_store(stage, **store, "db", {{"user", "joe"}, {"none", ""}});
  CHECK((*store)->features() == std::vector<std::string>{"MULTIPLE_KEY_VALUES_PER_SECRET"});
  CHECK(server.seen().front().headers.at("x-vault-token") == "tok");
  CHECK(server.seen().front().headers.at("x-vault-request") == "true");
}

TEST_CASE("text mode gives the pairs as they were written", "[secretstores][vault]") {
  HttpServer server(routes());
  conformance::Stage stage(register_vault);
  const auto store = stage.start(kType, at(server, {{.name = "vaultValueType", .value = "text"}}));
  REQUIRE(store);
  CHECK((*store)->features().empty());
  const auto all = stage.run((*store)->bulk_get({}));
  REQUIRE(all);
  CHECK(*all == SecretMaps{{"db", {{"db", R"({"user": "joe", "none": null})"}}}, {"a/b c", {{"a/b c", R"({ "n" : [1, "}"] })"}}}});
}

TEST_CASE("a failure of the server is told in the words of the contract", "[secretstores][vault]") {
  HttpServer server(routes());
  server.route("GET /v1/secret/data/dapr/no?version=0", {403, "denied"});
  server.route("GET /v1/secret/data/dapr/odd?version=0", {200, kv(R"({"n":5})")});
  server.route("LIST /v1/secret/metadata/dapr/a/", {500, "oops"});
  conformance::Stage stage(register_vault);
  const auto store = stage.start(kType, at(server));
  REQUIRE(store);
  const auto error = [&](const std::string& name) { return stage.run((*store)->get(name, {})).error().message; };
  CHECK(error("missing") == "getSecret missing failed secret key or version not exist");
  CHECK(error("no") == "couldn't get successful response, status code 403, body denied");
  CHECK(error("odd").starts_with("couldn't decode response body: "));
  CHECK(
      stage.run((*store)->bulk_get({})).error().message ==
      "list keys couldn't get successful response, status code: 500, status: 500 Internal Server Error, response oops"
  );
}

TEST_CASE("a name that leads out of the prefix is never sent", "[secretstores][vault]") {
  HttpServer server(routes());
  conformance::Stage stage(register_vault);
  const auto store = stage.start(kType, at(server));
  REQUIRE(store);
  const auto out = stage.run((*store)->get("../other/db", {}));
  REQUIRE(!out);
  CHECK(out.error().message == "getSecret ../other/db failed secret key or version not exist");
  CHECK(server.seen().empty());
  // Nor does a name bring a query of its own.
  CHECK(!stage.run((*store)->get("db?version=3&x=", {})));
  CHECK(server.seen().back().line == "GET /v1/secret/data/dapr/db%3Fversion=3&x=?version=0");
}

TEST_CASE("a server that does not answer is an error that says so", "[secretstores][vault]") {
  conformance::Stage stage(register_vault);
  const auto store = stage.start(kType, {{.name = "vaultAddr", .value = "http://127.0.0.1:1"}, {.name = "vaultToken", .value = "t"}});
  REQUIRE(store);
  const auto got = stage.run((*store)->get("db", {}));
  REQUIRE(!got);
  CHECK(got.error().message.find("127.0.0.1:1: connect: connection refused") != std::string::npos);
}

TEST_CASE("settings that exclude each other fail the start", "[secretstores][vault]") {
  CHECK(start_failure({}) == "token mount path and token not set");
  CHECK(
      start_failure({{.name = "vaultToken", .value = "a"}, {.name = "vaultTokenMountPath", .value = "b"}}) ==
      "token mount path and token both set"
  );
  CHECK(
      start_failure({{.name = "vaultTokenMountPath", .value = "/nowhere/token"}}) ==
      "couldn't read vault token from mount path /nowhere/token err: open /nowhere/token: no such file or directory"
  );
  CHECK(
      start_failure({{.name = "vaultToken", .value = "a"}, {.name = "vaultValueType", .value = "xml"}}) ==
      "vault init error, invalid value type xml, accepted values are map or text"
  );
  const std::string config = "couldn't create client using config: ";
  CHECK(start_failure({{.name = "vaultToken", .value = "a"}, {.name = "caPem", .value = "nonsense"}}) == config + "couldn't read PEM");
  CHECK(start_failure({{.name = "vaultToken", .value = "a"}, {.name = "caCert", .value = "/nowhere/ca"}}) == config + "couldn't read CA file from disk: open /nowhere/ca: no such file or directory");
}

TEST_CASE("the raw text of a member is found whatever stands around it", "[secretstores][vault]") {
  CHECK(raw_member(R"( { "a" : "x,}" , "data" : { "data" : 1 } } )", "data") == R"({ "data" : 1 })");
  CHECK(raw_member(R"({"a\\":"\"","data":1,"data":[2,"]"]})", "data") == R"([2,"]"])");
  CHECK(raw_member(R"({"d\u0061ta":null})", "data") == "null");
  CHECK(raw_member(R"([{"data":1}])", "data").empty());
  CHECK(raw_member("{}", "data").empty());
  CHECK(raw_member("", "data").empty());
}
