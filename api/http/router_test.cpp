#include "api/http/router.hpp"

#include "tests/catch.hpp"

using namespace mecha::api;

namespace {

Router sample() {
  Router router;
  router.add({.methods = {"GET"}, .pattern = "/v1.0/secrets/{store}/{key}", .name = "GetSecret"});
  router.add({.methods = {"GET"}, .pattern = "/v1.0/secrets/{store}/bulk", .name = "GetBulkSecret"});
  router.add({.methods = {"POST", "PUT"}, .pattern = "/v1.0/publish/{name}/*", .name = "PublishEvent"});
  router.add({.methods = {"POST", "PUT"}, .pattern = "/v1.0/publish/bulk/{name}/*", .name = "BulkPublishEvent"});
  router.add({.methods = {"GET"}, .pattern = "/v1.0/healthz", .name = "Healthz"});
  return router;
}

std::string name_of(const Router& router, std::string_view method, std::string_view path) {
  const auto match = router.match(method, path);
  return match.route ? match.route->name : "";
}

}  // namespace

TEST_CASE("static segments beat parameters", "[router]") {
  const auto router = sample();
  CHECK(name_of(router, "GET", "/v1.0/secrets/s/bulk") == "GetBulkSecret");
  CHECK(name_of(router, "GET", "/v1.0/secrets/s/other") == "GetSecret");
}

TEST_CASE("a star takes the rest, but not nothing", "[router]") {
  const auto router = sample();
  const auto match = router.match("POST", "/v1.0/publish/ps/a/b/c");
  REQUIRE(match.route != nullptr);
  CHECK(match.parameters == std::vector<std::string_view>{"ps", "a/b/c"});
  CHECK(name_of(router, "POST", "/v1.0/publish/ps") == "");
  CHECK(name_of(router, "POST", "/v1.0/publish/bulk/t") == "PublishEvent");
  CHECK(name_of(router, "PUT", "/v1.0/publish/bulk/ps/t") == "BulkPublishEvent");
}

TEST_CASE("another method is no match, and is told", "[router]") {
  const auto router = sample();
  const auto match = router.match("DELETE", "/v1.0/publish/ps/t");
  CHECK(match.route == nullptr);
  CHECK(match.allowed == "POST, PUT");
  CHECK(name_of(router, "HEAD", "/v1.0/healthz") == "");
}

TEST_CASE("paths are cleaned without unescaping", "[router]") {
  std::string buffer;
  CHECK(clean_escaped_path("/v1.0//healthz/", buffer) == "/v1.0/healthz");
  CHECK(clean_escaped_path("/a/../b/./c", buffer) == "/b/c");
  CHECK(clean_escaped_path("/a/%2e%2e/b%2Fc", buffer) == "/a/%2e%2e/b%2Fc");
  CHECK(clean_escaped_path("/", buffer) == "/");
}
