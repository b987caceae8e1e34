#include "runtime/app/method.hpp"

#include "runtime/app/invoke.hpp"
#include "runtime/app/invoke_codec.hpp"
#include "runtime/app/metadata_headers.hpp"
#include "tests/catch.hpp"

using namespace mecha;

TEST_CASE("methods are cleaned and lose their leading slash", "[invoke]") {
  CHECK(clean_method("a//b/../c/") == "a/c");
  CHECK(clean_method("/lead") == "lead");
  CHECK(clean_method("../../j") == "j");
  CHECK(clean_method("") == "");
}

TEST_CASE("methods with characters that no URL has are refused by name and place", "[invoke]") {
  CHECK(check_method("a b/é").has_value());
  CHECK(check_method("a?b").error().message == "invalid method: method contains forbidden character: \"a?b\"");
  CHECK(check_method("a#b").error().code == Code::invalid_argument);
  CHECK(
      check_method("a\nb").error().message ==
      "invalid method: method contains control character at position 1: \"a\\nb\""
  );
  CHECK(check_method(std::string("a\0b", 3)).error().message.ends_with("\"a\\x00b\""));
}

TEST_CASE("only what may pass a hop passes", "[invoke]") {
  net::Headers kept{
      {"Connection", "X-Drop, keep-alive"},
      {"X-Drop", "a"},
      {"Keep-Alive", "1"},
      {"TE", "trailers"},
      {"Content-Length", "3"},
      {"Foo-Bin", "AAAA"},
      {"X-Kept", "b"},
      {"X-Kept", "c"},
  };
  keep_end_to_end(kept);
  CHECK(kept.size() == 2);
  CHECK(kept.all("x-kept") == std::vector<std::string_view>{"b", "c"});
}

TEST_CASE("an invocation survives its wire form", "[invoke][codec]") {
  InvokeRequest request;
  request.method = "a/b";
  request.verb = "PATCH";
  request.query = "x=1&y=%20";
  request.content_type = "text/plain";
  InvokeRequest decoded;
  const auto data = decode_invoke_request(encode_invoke_request(request, "body"), decoded);
  REQUIRE(data.has_value());
  CHECK(*data == "body");
  CHECK(decoded.method == "a/b");
  CHECK(decoded.verb == "PATCH");
  CHECK(decoded.query == "x=1&y=%20");
  CHECK(decoded.content_type == "text/plain");
  CHECK(decoded.http_part);
}

TEST_CASE("bytes that are no message are refused, not read beyond", "[invoke][codec]") {
  InvokeRequest decoded;
  CHECK_FALSE(decode_invoke_request("\x0a\xff\xff\xff\xff\x0f" "a", decoded).has_value());
  CHECK_FALSE(decode_invoke_response("\x0a\x05" "ab").has_value());
}

TEST_CASE("metadata becomes headers where it can", "[metadata]") {
  net::Headers headers;
  REQUIRE(add_metadata_headers(headers, {{"Foo", "a"}, {"grpc-x", "b"}, {"te", "c"}, {"k-bin", "d"}}).has_value());
  CHECK(headers.size() == 2);
  CHECK(headers.value_or("foo") == "a");
  CHECK(headers.value_or("dapr-grpc-x") == "b");
  CHECK_FALSE(add_metadata_headers(headers, {{"with blank", "a"}}).has_value());
  CHECK_FALSE(add_metadata_headers(headers, {{"ok", "line\nend"}}).has_value());
}
