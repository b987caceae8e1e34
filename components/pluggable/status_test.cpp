// The meaning of a component's status: etags, row counts, structured errors.

#include "components/pluggable/status.hpp"

#include "runtime/base/wire.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::pluggable;
using net::grpc::Status;

namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

std::string any(std::string_view type, std::string_view message) {
  std::string out;
  wire::bytes(out, 1, "type.googleapis.com/google.rpc." + std::string(type));
  wire::bytes(out, 2, message);
  return out;
}

std::string bad_request(const Texts& violations) {
  std::string out;
  for (const auto& [field, description] : violations) {
    std::string one;
    wire::bytes(one, 1, field);
    wire::bytes(one, 2, description);
    wire::bytes_always(out, 1, one);
  }
  return any("BadRequest", out);
}

std::string error_info(const Texts& metadata) {
  std::string out;
  wire::bytes(out, 1, "REASON");
  for (const auto& [key, value] : metadata) {
    std::string entry;
    wire::bytes(entry, 1, key);
    wire::bytes(entry, 2, value);
    wire::bytes_always(out, 3, entry);
  }
  return any("ErrorInfo", out);
}

Status status(Code code, const std::vector<std::string>& details) {
  Status made{.code = code, .message = "text", .details = {}};
  for (const auto& detail : details) wire::bytes_always(made.details, 3, detail);
  return made;
}

}  // namespace

TEST_CASE("an etag violation is one BadRequest with one violation of etag", "[pluggable][status]") {
  const auto code = Code::failed_precondition;
  CHECK(etag_violation(status(code, {bad_request({{"etag", "was changed"}})})) == "was changed");
  CHECK(!etag_violation(status(code, {})));
  CHECK(!etag_violation(status(code, {bad_request({})})));
  CHECK(!etag_violation(status(code, {bad_request({{"key", "x"}})})));
  CHECK(!etag_violation(status(code, {bad_request({{"etag", "x"}, {"etag", "y"}})})));
  CHECK(!etag_violation(status(code, {bad_request({{"etag", "x"}}), error_info({})})));
  CHECK(!etag_violation(status(code, {error_info({{"etag", "x"}})})));
  CHECK(!etag_violation({.code = code, .message = "", .details = "\xff\xff garbage"}));
}

TEST_CASE("a row mismatch has both numbers", "[pluggable][status]") {
  using Rows = std::pair<std::uint64_t, std::uint64_t>;
  const auto rows = [](const Texts& metadata) { return row_mismatch(status(Code::internal, {error_info(metadata)})); };
  CHECK(rows({{"expected", "3"}, {"affected", "1"}}).value() == Rows{3, 1});
  CHECK(!rows({{"expected", "3"}}).value());
  CHECK(!rows({{"affected", "3"}}).value());
  CHECK(!row_mismatch(status(Code::internal, {})).value());
  CHECK(rows({{"expected", "three"}, {"affected", "1"}}).error().message ==
        "rpc error: code = Internal desc = text; cannot convert 'expected' rows to integer: strconv.Atoi: parsing \"three\": invalid syntax");
}

TEST_CASE("other statuses are nested with their code", "[pluggable][status]") {
  const auto error = status_error(status(Code::already_exists, {error_info({{"a", "b"}})}));
  CHECK(error.code == Code::already_exists);
  CHECK(error.message == "rpc error: code = AlreadyExists desc = text");
  CHECK(error.tag.empty());
  CHECK(!error.details);
}

TEST_CASE("a structured error is itself", "[pluggable][status]") {
  const auto error = status_error(
      status(Code::not_found, {error_info({{"kit_error", "true"}, {"http_code", "404"}, {"tag", "ERR_MINE"}, {"more", "x"}}), bad_request({{"f", "d"}})})
  );
  CHECK(error.message == "text");
  CHECK(error.code == Code::not_found);
  CHECK(error.status() == 404);
  CHECK(error.tag == "ERR_MINE");
  REQUIRE(error.details);
  REQUIRE(error.details->size() == 2);
  CHECK(error.details->at(0).reason == "REASON");
  CHECK(error.details->at(0).metadata.at("more") == "x");
  CHECK(!error.details->at(0).metadata.contains("kit_error"));
  CHECK(error.details->at(1).field == "f");
}
