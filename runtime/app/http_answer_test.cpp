// What counts as the answer of an application or an endpoint.

#include "runtime/app/invoke.hpp"
#include "tests/catch.hpp"

using namespace mecha;

TEST_CASE("a status below 200 is no answer of an application or an endpoint", "[invoke]") {
  for (const unsigned status : {0u, 99u, 101u, 199u}) {
    net::ResponseHead head{.status = status};
    const auto answer = http_answer(head, nullptr);
    INFO(status);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == Code::internal);
    CHECK(answer.error().message == "the application answered with status " + std::to_string(status) + ", which ends no request");
  }
}

TEST_CASE("an answer keeps what may pass a hop", "[invoke]") {
  net::ResponseHead head{.status = 200};
  head.headers.add("Content-Type", "text/plain");
  head.headers.add("Keep-Alive", "timeout=5");
  const auto answer = http_answer(head, nullptr);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->content_type == "text/plain");
  CHECK_FALSE(answer->headers.has("keep-alive"));
}
