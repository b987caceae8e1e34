// consul and kubernetes: addresses as the contract has them, against a scripted agent.

#include "components/nameresolution/resolver.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/http_server.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::nameresolution;
using fakes::HttpServer;

namespace {

struct Surroundings {
  Shards shards{1};
  ComponentContext context{.shards = shards, .name = "nr", .type = "nameresolution.consul", .app_id = "app", .log = Log()};
  Self self{.app_id = "app", .name_space = {}, .host = "10.0.0.1", .internal_port = 50002, .http_port = 3500, .app_port = 8080};

  Result<std::unique_ptr<Resolver>> make(std::string type, const std::string& configuration) {
    return make_resolver(type, "", json::parse(configuration).value(), self, context);
  }
  template <class T>
  Result<T> run(Async<T> work) {
    return testing::run(shards.context(0), std::move(work));
  }
};

std::string configuration(const HttpServer& server, const std::string& more = {}) {
  return R"({"client":{"address":"127.0.0.1:)" + std::to_string(server.port()) + R"(","token":"tok"})" + more + "}";
}

constexpr const char* kLookUp = "GET /v1/health/service/other?passing=1&cached=";

}  // namespace

TEST_CASE("consul gives the address and the port of the meta data of a healthy instance", "[consul]") {
  HttpServer server({{kLookUp, {200, R"([{"Node":{"Address":"10.0.0.9"},"Service":{"Address":"","Port":1,"Meta":{"DAPR_PORT":"50005"}}}])"}}});
  Surroundings around;
  auto made = around.make("hashicorp.consul", configuration(server));
  REQUIRE(made);
  REQUIRE(around.run((*made)->start()));
  CHECK(around.run((*made)->resolve({"other", "default"})).value() == "10.0.0.9:50005");
  CHECK(server.seen().at(0).headers.at("x-consul-token") == "tok");
  server.route(kLookUp, {200, R"([{"Service":{"Address":"10.0.0.8","Meta":{}}}])"});
  CHECK(around.run((*made)->resolve({"other", "default"})).error().message == "target service AppID 'other' found but DAPR_PORT missing from meta");
  server.route(kLookUp, {200, "[]"});
  CHECK(around.run((*made)->resolve({"other", "default"})).error().message == "no healthy services found with AppID 'other'");
  server.route(kLookUp, {500, "no leader"});
  CHECK(
      around.run((*made)->resolve({"other", "default"})).error().message ==
      "failed to query healthy consul services: Unexpected response code: 500 (no leader)"
  );
  REQUIRE(around.run((*made)->stop()));
}

TEST_CASE("consul registers and takes itself back when told so", "[consul]") {
  HttpServer server({
      {"PUT /v1/agent/service/register", {200, ""}},
      {"PUT /v1/agent/service/deregister/app-10.0.0.1-3500", {200, ""}},
  });
  Surroundings around;
  auto made = around.make("consul", configuration(server, R"(,"selfRegister":true,"selfDeregister":true,"tags":["t"],"meta":{"k":"v"})"));
  REQUIRE(made);
  REQUIRE(around.run((*made)->start()));
  CHECK(
      server.seen().at(0).body ==
      R"({"Address":"10.0.0.1","Checks":[{"CheckID":"daprHealth:app-10.0.0.1-3500","HTTP":"http://10.0.0.1:3500/v1.0/healthz?appid=app",)"
      R"("Interval":"15s","Name":"Dapr Health Status"}],"ID":"app-10.0.0.1-3500","Meta":{"DAPR_PORT":"50002","k":"v"},"Name":"app",)"
      R"("Port":8080,"Tags":["t"]})"
  );
  REQUIRE(around.run((*made)->stop()));
  CHECK(server.seen().back().line == "PUT /v1/agent/service/deregister/app-10.0.0.1-3500");
}

TEST_CASE("an advanced registration stands for itself, with our port in its meta data", "[consul]") {
  HttpServer server({{"PUT /v1/agent/service/register", {200, ""}}});
  Surroundings around;
  auto made = around.make("consul", configuration(server, R"(,"advancedRegistration":{"name":"n","port":9,"meta":{"a":"b"}})"));
  REQUIRE(made);
  REQUIRE(around.run((*made)->start()));
  CHECK(server.seen().at(0).body == R"({"Meta":{"DAPR_PORT":"50002","a":"b"},"name":"n","port":9})");
  REQUIRE(around.run((*made)->stop()));
  CHECK(server.seen().size() == 1);
}

TEST_CASE("an agent that is not there fails the registration, and a key that is not known the configuration", "[consul]") {
  Surroundings around;
  auto made = around.make("consul", R"({"client":{"address":"127.0.0.1:1"},"selfRegister":true})");
  REQUIRE(made);
  const auto started = around.run((*made)->start());
  REQUIRE(!started);
  CHECK(started.error().message.starts_with("failed to register consul service: "));
  REQUIRE(around.run((*made)->stop()));
  CHECK(around.make("consul", R"({"nonsense":1})").error().message == "consul: nonsense is not in this build");
}

TEST_CASE("kubernetes gives the name of the sidecar's service", "[kubernetes]") {
  Surroundings around;
  const auto resolve = [&](const std::string& text) {
    auto made = around.make("kubernetes", text);
    REQUIRE(made);
    return around.run((*made)->resolve({"other", "ns"})).value();
  };
  CHECK(resolve("{}") == "other-dapr.ns.svc.cluster.local:50002");
  CHECK(resolve(R"({"clusterDomain":"my.zone"})") == "other-dapr.ns.svc.my.zone:50002");
  CHECK(resolve(R"({"template":"{{ .Namespace }}-{{.ID}}.x:{{.Port}}"})") == "ns-other.x:50002");
  CHECK(!around.make("kubernetes", R"({"template":"{{if .ID}}"})"));
}
