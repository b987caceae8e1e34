// What every face shares: answers, errors, patterns, CORS.

#include "api/errors/common.hpp"
#include "api/http/cors.hpp"
#include "api/http/route.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::api;

namespace {

net::RequestHead preflight(std::string_view origin, std::string_view method, std::string_view headers = {}) {
  net::RequestHead head;
  head.method = "OPTIONS";
  if (!origin.empty()) head.headers.add("Origin", origin);
  head.headers.add("Access-Control-Request-Method", method);
  if (!headers.empty()) head.headers.add("Access-Control-Request-Headers", headers);
  return head;
}

}  // namespace

TEST_CASE("errors have their code, text and details in this order", "[errors]") {
  CHECK(error_json(errors::no_app_id()) == R"({"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path or the header dapr-app-id"})");
  CHECK(error_json({.code = Code::internal, .message = "a<b"}) == R"({"errorCode":"ERROR","message":"a\u003cb"})");
  const auto rich = errors::rich(
      "T", 400, Code::invalid_argument, "m",
      {errors::bad_request("", "d"), errors::resource_info("state", "s"), errors::error_info_null("R")}
  );
  CHECK(
      error_json(rich) ==
      R"({"errorCode":"T","message":"m","details":[)"
      R"({"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[{"description":"d"}]},)"
      R"({"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"","owner":"","resource_name":"s","resource_type":"state"},)"
      R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":null,"reason":"R"}]})"
  );
}

TEST_CASE("a preflight of an allowed origin is told what it may do", "[cors]") {
  const Cors cors("http://a.b,https://*.c.d");
  const auto allowed = cors.preflight(preflight("http://A.B", "patch", "x-a, Content-Type"));
  REQUIRE(allowed.has_value());
  CHECK(allowed->headers.value_or("access-control-allow-origin") == "http://A.B");
  CHECK(allowed->headers.value_or("access-control-allow-methods") == "PATCH");
  CHECK(allowed->headers.value_or("access-control-allow-headers") == "X-A, Content-Type");
  CHECK(allowed->headers.all("vary").size() == 3);
  CHECK(cors.preflight(preflight("https://x.y.c.d", "GET"))->headers.has("access-control-allow-origin"));
}

TEST_CASE("a preflight of others is answered without permission", "[cors]") {
  const Cors cors("http://a.b,https://*.c.d");
  for (const auto* origin : {"https://c.d", "http://evil", ""}) {
    const auto answer = cors.preflight(preflight(origin, "GET"));
    REQUIRE(answer.has_value());
    CHECK_FALSE(answer->headers.has("access-control-allow-origin"));
    CHECK(answer->headers.all("vary").size() == 3);
  }
  CHECK_FALSE(cors.preflight(preflight("http://a.b", "TRACE"))->headers.has("access-control-allow-origin"));
}

TEST_CASE("OPTIONS without a wanted method is an ordinary request", "[cors]") {
  net::RequestHead head;
  head.method = "OPTIONS";
  head.headers.add("Origin", "http://x");
  CHECK_FALSE(Cors("*").preflight(head).has_value());
  CHECK(Cors("*").headers(head).value_or("access-control-allow-origin") == "*");
}
