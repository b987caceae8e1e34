// middleware.http.routeralias: patterns, captures in the query, both forms of the settings.

#include "components/middleware/route_pattern.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/middleware_suite.hpp"

namespace mecha::middleware {
void register_routeralias(Catalog& catalog);
}

using namespace mecha;
using middleware::RoutePattern;
using conformance::MiddlewareBench;
using conformance::request_to;

namespace {

MiddlewareBench bench(MiddlewareBench::Settings settings) {
  return {middleware::register_routeralias, "middleware.http.routeralias", std::move(settings)};
}

}  // namespace

TEST_CASE("patterns match whole paths", "[middleware][routeralias]") {
  const auto pattern = RoutePattern::compile("/a.b/{name}/{id:[0-9]{2}}").value();
  CHECK_FALSE(pattern.match("/aXb/x/12").has_value());
  CHECK_FALSE(pattern.match("/a.b/x/123").has_value());
  CHECK_FALSE(pattern.match("/a.b/x/y/12").has_value());
  const auto got = pattern.match("/a.b/x y/12");
  REQUIRE(got.has_value());
  CHECK(*got == RoutePattern::Captures{{"name", "x y"}, {"id", "12"}});
}

TEST_CASE("patterns that cannot be are told", "[middleware][routeralias]") {
  for (const auto* wrong : {"a", "/{a", "/a}", "/{}", "/{:x}", "/{a:}", "/{a:(x)}", "/{a:[}"}) {
    INFO(wrong);
    CHECK_FALSE(RoutePattern::compile(wrong).has_value());
  }
}

TEST_CASE("middleware.http.routeralias changes the paths it knows", "[middleware][routeralias]") {
  auto alias = bench({{"routes", R"({"/mall": "/v1.0/invoke/a/method/x y", "/hi/{name}": "/v1.0/invoke/a/method/hi"})"}});
  conformance::middleware(alias, request_to("/mall"), {});
  CHECK(alias.enter(request_to("/mall?z=1&a=%20")).request.target == "/v1.0/invoke/a/method/x%20y?z=1&a=%20");
  CHECK(alias.enter(request_to("/hi/a%20b?x=a%20b&a=1")).request.target == "/v1.0/invoke/a/method/hi?a=1&name=a+b&x=a+b");
  CHECK(alias.enter(request_to("/other?q")).request.target == "/other?q");
}

TEST_CASE("routes are YAML too, and without them every item is a pair", "[middleware][routeralias]") {
  auto yaml = bench({{"routes", "/a: /b\n/c: /d\n"}});
  REQUIRE(yaml.start_error() == "");
  CHECK(yaml.enter(request_to("/c")).request.target == "/d");
  auto pairs = bench({{"/a", "/b"}});
  REQUIRE(pairs.start_error() == "");
  CHECK(pairs.enter(request_to("/a")).request.target == "/b");
  CHECK(bench({{"/a", ""}}).start_error() == "invalid key/value pair in metadata: must not be empty");
  CHECK(bench({{"routes", "[1]"}}).start_error() == "routes is no map of patterns to paths");
}
