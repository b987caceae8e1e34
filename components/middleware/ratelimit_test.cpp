// middleware.http.ratelimit: who the client is, what it is told.

#include "tests/catch.hpp"
#include "tests/conformance/middleware_suite.hpp"

namespace mecha::middleware {
void register_ratelimit(Catalog& catalog);
}

using namespace mecha;
using conformance::MiddlewareBench;
using conformance::request_to;

namespace {

MiddlewareBench bench(std::string most) {
  return {middleware::register_ratelimit, "middleware.http.ratelimit", {{"maxRequestsPerSecond", std::move(most)}}};
}

}  // namespace

TEST_CASE("middleware.http.ratelimit keeps the contract of middleware", "[middleware][ratelimit]") {
  auto limit = bench("100");
  conformance::middleware(limit, request_to("/x"), {});
}

TEST_CASE("a limit that is not above zero stops the start", "[middleware][ratelimit]") {
  for (const auto* most : {"0", "-1", "NaN", "+Inf"}) {
    auto limit = bench(most);
    CHECK(limit.start_error().find("maxRequestsPerSecond") != std::string::npos);
  }
  CHECK(bench("0").start_error() == "metadata property maxRequestsPerSecond must be a positive value");
}

TEST_CASE("clients and paths have buckets of their own", "[middleware][ratelimit]") {
  auto limit = bench("0.001");
  REQUIRE(limit.start_error() == "");
  const auto passes = [&](net::Headers headers, std::string target = "/p", std::string remote = "127.0.0.1:9") {
    return !limit.enter(request_to(std::move(target), "GET", std::move(headers)), std::move(remote)).reply;
  };
  CHECK(passes({}));
  CHECK_FALSE(passes({}, "/p?a=b", "127.0.0.1:10"));
  CHECK(passes({}, "/q"));
  CHECK_FALSE(passes({}, "/%71"));
  CHECK(passes({{"X-Forwarded-For", "9.9.9.9, 1.2.3.4"}}));
  CHECK_FALSE(passes({{"x-forwarded-for", "1.2.3.4"}, {"X-Real-IP", "8.8.8.8"}}));
  CHECK(passes({{"X-Real-IP", "8.8.8.8"}}));
  CHECK(passes({}, "/p", "[2001:db8:0:1::5]:80"));
  CHECK_FALSE(passes({}, "/p", "[2001:db8:0:1::6]:80"));
  CHECK(passes({}, "/p", "[2001:db8:0:2::5]:80"));
}

TEST_CASE("a request without any address counts as one of 0.0.0.0", "[middleware][ratelimit]") {
  auto limit = bench("1");
  REQUIRE(limit.start_error() == "");
  const auto got = limit.enter(request_to("/p"), "@");
  CHECK(got.request.headers.value_or("x-forwarded-for") == "0.0.0.0");
  CHECK(got.step.answer_headers.value_or("x-rate-limit-request-forwarded-for") == "0.0.0.0");
  const auto unnamed = limit.enter(request_to("/q", "GET", {{"X-Forwarded-For", "1.2.3.4,"}, {"X-Real-IP", "8.8.8.8"}}));
  CHECK(unnamed.request.headers.value_or("x-forwarded-for") == "0.0.0.0");
}

TEST_CASE("every answer tells the limit", "[middleware][ratelimit]") {
  auto limit = bench("2.6");
  REQUIRE(limit.start_error() == "");
  const auto told = limit.enter(request_to("/p")).step.answer_headers;
  CHECK(told.value_or("X-Rate-Limit-Limit") == "2.60");
  CHECK(told.value_or("X-Rate-Limit-Duration") == "1");
  CHECK(told.value_or("X-Rate-Limit-Request-Remote-Addr") == "127.0.0.1:4711");
  CHECK(told.value_or("RateLimit-Limit") == "3");
  CHECK(told.value_or("RateLimit-Reset") == "1");
  CHECK(told.value_or("RateLimit-Remaining") == "1");
  (void)limit.enter(request_to("/p"));
  const auto over = limit.enter(request_to("/p"));
  REQUIRE(over.reply.has_value());
  CHECK(over.reply->status == 429);
  CHECK(over.reply->body == "You have reached maximum request limit.");
  CHECK(over.step.answer_headers.value_or("RateLimit-Remaining") == "0");
}
