// middleware.http.routerchecker: the rule against path and query.

#include "tests/catch.hpp"
#include "tests/conformance/middleware_suite.hpp"

namespace mecha::middleware {
void register_routerchecker(Catalog& catalog);
}

using namespace mecha;
using conformance::MiddlewareBench;
using conformance::request_to;

TEST_CASE("middleware.http.routerchecker refuses what does not match its rule", "[middleware][routerchecker]") {
  MiddlewareBench bench(middleware::register_routerchecker, "middleware.http.routerchecker", {{"rule", "^/v1[.]0/[a-z?=]+$"}});
  conformance::middleware(bench, request_to("/v1.0/healthz?a=b"), request_to("/v1.0/%20"));
  CHECK(bench.enter(request_to("/x")).reply->status == 400);
  CHECK(bench.enter(request_to("/x")).reply->body == "invalid router");
}

TEST_CASE("a rule that is no expression stops the start", "[middleware][routerchecker]") {
  MiddlewareBench bench(middleware::register_routerchecker, "middleware.http.routerchecker", {{"rule", "a("}});
  CHECK(bench.start_error() == "rule is no regular expression: \"a(\": missing ): a(");
}
