#include "runtime/base/error.hpp"

#include "runtime/base/result.hpp"
#include "tests/catch.hpp"

using namespace mecha;

namespace {

Result<int> broken() { return fail(Code::not_found, "no such thing"); }

Result<int> passes_on() {
  MECHA_TRY(const int value, broken());
  return value + 1;
}

}  // namespace

TEST_CASE("codes have the names and statuses of the contract", "[error]") {
  CHECK(code_name(Code::cancelled) == "Canceled");
  CHECK(code_name(Code::invalid_argument) == "InvalidArgument");
  CHECK(code_name(static_cast<Code>(99)) == "Code(99)");
  CHECK(http_status_of(Code::cancelled) == 408);
  CHECK(http_status_of(Code::unimplemented) == 501);
  CHECK(http_status_of(Code::resource_exhausted) == 429);
  CHECK(code_of_http_status(204) == Code::ok);
  CHECK(code_of_http_status(400) == Code::internal);
  CHECK(code_of_http_status(418) == Code::unknown);
}

TEST_CASE("an explicit status wins over that of the code", "[error]") {
  CHECK(Error{.code = Code::internal}.status() == 500);
  CHECK(Error{.code = Code::internal, .http_status = 422}.status() == 422);
}

TEST_CASE("context goes in front and keeps the rest", "[error]") {
  const Error error = Error{.code = Code::aborted, .message = "etag", .failure = Failure::etag_mismatch}.context("state");
  CHECK(error.message == "state: etag");
  CHECK(error.code == Code::aborted);
  CHECK(error.failure == Failure::etag_mismatch);
  CHECK(error.as_rpc_text() == "rpc error: code = Aborted desc = state: etag");
  CHECK(error.as_api_text() == "api error: code = Aborted desc = state: etag");
}

TEST_CASE("a failed result leaves the function that tries it", "[error]") {
  const auto result = passes_on();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::not_found);
  CHECK(result.error().message == "no such thing");
}
