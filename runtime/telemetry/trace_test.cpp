#include "runtime/telemetry/trace.hpp"

#include "tests/catch.hpp"

namespace mecha::trace {
namespace {

constexpr std::string_view kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST_CASE("traceparent is read and written back", "[trace]") {
  const auto context = parse_traceparent(kParent);
  REQUIRE(context);
  CHECK(context->traceparent() == kParent);
  CHECK(context->sampled());
  CHECK(context->trace_hex() == "0af7651916cd43dd8448eb211c80319c");
  CHECK(context->span_hex() == "b7ad6b7169203331");
}

TEST_CASE("a context that is not valid prints zeros", "[trace]") {
  CHECK(Context{}.traceparent() == "00-00000000000000000000000000000000-0000000000000000-00");
  CHECK_FALSE(Context{}.valid());
}

TEST_CASE("malformed traceparent headers are no context", "[trace]") {
  const std::string ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
  CHECK_FALSE(parse_traceparent(""));
  CHECK_FALSE(parse_traceparent("nonsense"));
  CHECK_FALSE(parse_traceparent("00-zz-b7ad6b7169203331-01"));
  CHECK_FALSE(parse_traceparent("ff-" + ids + "-01"));
  CHECK_FALSE(parse_traceparent("00-" + ids + "-01-extra"));
  CHECK_FALSE(parse_traceparent("00-" + ids));
  CHECK_FALSE(parse_traceparent("00-" + ids + "-1"));
  CHECK_FALSE(parse_traceparent("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
  CHECK_FALSE(parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"));
}

TEST_CASE("later versions may have more fields", "[trace]") {
  const auto context =
      parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra");
  REQUIRE(context);
  CHECK(context->traceparent() == kParent);
}

TEST_CASE("the binary form is 29 bytes and comes back", "[trace]") {
  const std::string bytes = parse_traceparent(kParent)->binary();
  REQUIRE(bytes.size() == 29);
  CHECK(bytes[18] == 1);
  CHECK(bytes[27] == 2);
  REQUIRE(parse_binary(bytes));
  CHECK(parse_binary(bytes)->traceparent() == kParent);
  CHECK_FALSE(parse_binary(bytes.substr(1)));
  CHECK_FALSE(parse_binary(std::string(29, '\0')));
}

TEST_CASE("a tracestate of more than 512 characters is dropped", "[trace]") {
  CHECK(extract(kParent, "a=b")->state == "a=b");
  CHECK(extract(kParent, std::string(512, 'x'))->state.size() == 512);
  CHECK(extract(kParent, std::string(513, 'x'))->state.empty());
  CHECK_FALSE(extract("", "a=b"));
}

}  // namespace
}  // namespace mecha::trace
