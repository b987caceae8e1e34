#include "runtime/app/status_json.hpp"

#include "runtime/base/wire.hpp"
#include "tests/catch.hpp"

using namespace mecha;

namespace {

std::string fields(std::initializer_list<std::pair<std::uint32_t, std::string_view>> all) {
  std::string out;
  for (const auto& [field, bytes] : all) wire::bytes_always(out, field, bytes);
  return out;
}

std::string any(std::string_view name, std::string_view value) {
  return fields({{1, "type.googleapis.com/" + std::string(name)}, {2, value}});
}

// The one detail as JSON, or the message of the error.
std::string shown(std::string_view name, std::string_view value) {
  const auto text = status_json(0, "", {any(name, value)});
  if (!text) return text.error().message;
  const auto rest = text->substr(text->find(name) + name.size() + 1);
  return rest.substr(0, rest.size() - 3);
}

}  // namespace

TEST_CASE("a gRPC status becomes the JSON that HTTP callers see", "[invoke][codec]") {
  CHECK(status_json(5, "not here", {}) == R"({"code":5,"message":"not here"})");
  CHECK(status_json(0, "", {}) == "{}");
}

TEST_CASE("the details of google.rpc are written whole", "[invoke][codec]") {
  const auto entry = fields({{1, "k"}, {2, "v"}});
  CHECK(shown("google.rpc.ErrorInfo", fields({{1, "R"}, {2, "d"}, {3, entry}})) == R"(,"domain":"d","metadata":{"k":"v"},"reason":"R")");
  std::string delay;
  wire::number(delay, 1, 1);
  wire::number(delay, 2, 500'000'000);
  CHECK(shown("google.rpc.RetryInfo", fields({{1, delay}})) == R"(,"retryDelay":"1.500s")");
  CHECK(shown("google.rpc.DebugInfo", fields({{1, "a"}, {1, "b"}, {2, "d"}})) == R"(,"detail":"d","stackEntries":["a","b"])");
  std::string quota = fields({{1, "s"}, {6, entry}});
  wire::number(quota, 7, 5);
  CHECK(shown("google.rpc.QuotaFailure", fields({{1, quota}})) == R"(,"violations":[{"quotaDimensions":{"k":"v"},"quotaValue":"5","subject":"s"}])");
  CHECK(shown("google.rpc.PreconditionFailure", fields({{1, fields({{1, "t"}})}})) == R"(,"violations":[{"type":"t"}])");
  const auto local = fields({{1, "en"}, {2, "m"}});
  CHECK(
      shown("google.rpc.BadRequest", fields({{1, fields({{1, "f"}, {2, "d"}, {4, local}})}, {1, ""}})) ==
      R"(,"fieldViolations":[{"description":"d","field":"f","localizedMessage":{"locale":"en","message":"m"}},{}])"
  );
  CHECK(shown("google.rpc.RequestInfo", fields({{1, "r"}})) == R"(,"requestId":"r")");
  CHECK(shown("google.rpc.ResourceInfo", fields({{1, "t"}, {2, "n"}})) == R"(,"resourceName":"n","resourceType":"t")");
  CHECK(shown("google.rpc.Help", fields({{1, fields({{2, "u"}})}})) == R"(,"links":[{"url":"u"}])");
  CHECK(shown("google.rpc.LocalizedMessage", local) == R"(,"locale":"en","message":"m")");
}

TEST_CASE("wrappers state their value, also the default", "[invoke][codec]") {
  std::string minus;
  wire::number(minus, 1, static_cast<std::uint64_t>(-7));
  CHECK(shown("google.protobuf.StringValue", fields({{1, "x"}})) == R"(,"value":"x")");
  CHECK(shown("google.protobuf.StringValue", "") == R"(,"value":"")");
  CHECK(shown("google.protobuf.BytesValue", fields({{1, "x"}})) == R"(,"value":"eA==")");
  CHECK(shown("google.protobuf.BoolValue", "") == R"(,"value":false)");
  CHECK(shown("google.protobuf.Int32Value", minus) == R"(,"value":-7)");
  CHECK(shown("google.protobuf.Int64Value", minus) == R"(,"value":"-7")");
  CHECK(shown("google.protobuf.UInt64Value", "") == R"(,"value":"0")");
}

TEST_CASE("a detail that cannot be written is an error, not a part of it", "[invoke][codec]") {
  const auto unknown = status_json(3, "m", {any("google.rpc.Help", ""), any("odd.Thing", "x")});
  REQUIRE(!unknown);
  CHECK(unknown.error().tag == "ERR_MALFORMED_RESPONSE");
  CHECK(unknown.error().message == R"(proto: google.protobuf.Any: unable to resolve "type.googleapis.com/odd.Thing": not found)");
  const std::string refused = R"(proto: google.protobuf.Any: unable to unmarshal "type.googleapis.com/google.rpc.)";
  CHECK(shown("google.rpc.Help", "\x0a\x05") == refused + "Help\"");
  CHECK(shown("google.rpc.Help", fields({{1, "\x0a\x7f"}})) == refused + "Help\"");
  CHECK(shown("google.rpc.LocalizedMessage", fields({{1, "\xff"}})) == refused + "LocalizedMessage\"");
  std::string endless;
  wire::number(endless, 1, ~std::uint64_t{0} >> 1);
  CHECK(shown("google.rpc.RetryInfo", fields({{1, endless}})) == refused + "RetryInfo\"");
  CHECK(!status_json(3, "m", {std::string("\x0a\x7f")}));
}
