#include "runtime/mesh/peer_codec.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::mesh;

namespace {

InvokeRequest sample() {
  InvokeRequest request;
  request.method = "orders";
  request.verb = "POST";
  request.headers = {{"X-Foo", "a"}, {"Content-Type", "text/plain"}, {"x-foo", "b"}};
  return request;
}

}  // namespace

TEST_CASE("a request keeps its headers, repeated ones as a list", "[peer]") {
  const auto decoded = decode_request(encode_request(sample(), "hello"));
  REQUIRE(decoded.has_value());
  CHECK(decoded->version == 1);
  CHECK(decoded->has_metadata);
  CHECK(decoded->has_message);
  CHECK(decoded->data == "hello");
  CHECK(decoded->request.method == "orders");
  CHECK(decoded->request.headers.all("X-Foo") == std::vector<std::string_view>{"a", "b"});
}

TEST_CASE("the head of a stream has no data, whatever the body is", "[peer]") {
  const auto decoded = decode_request(encode_request(sample(), std::nullopt));
  REQUIRE(decoded.has_value());
  CHECK(decoded->data.empty());
}

TEST_CASE("payloads are numbered, and the first number is not written", "[peer]") {
  auto message = encode_stream_head("head");
  append_payload(message, "abc", 0);
  const auto first = decode_stream(message);
  REQUIRE(first.has_value());
  CHECK(first->head == "head");
  CHECK(first->has_payload);
  CHECK(first->data == "abc");
  CHECK(first->seq == 0);

  std::string second;
  append_payload(second, "def", 300);
  const auto decoded = decode_stream(second);
  REQUIRE(decoded.has_value());
  CHECK_FALSE(decoded->head.has_value());
  CHECK(decoded->seq == 300);
  CHECK(decoded->data == "def");

  std::string empty;
  append_payload(empty, "", 7);
  CHECK(decode_stream(empty)->seq == 7);
}

TEST_CASE("a message without anything is an empty message", "[peer]") {
  const auto decoded = decode_stream("");
  REQUIRE(decoded.has_value());
  CHECK_FALSE(decoded->head.has_value());
  CHECK_FALSE(decoded->has_payload);
}

TEST_CASE("an answer of a gRPC application has a code, trailers and no message when it failed", "[peer]") {
  InvokeAnswer answer;
  answer.status = 5;
  answer.status_message = "not here";
  answer.trailers = {{"x-t", "t"}};
  answer.status_details = {"any"};
  const auto decoded = decode_response(encode_response(answer, std::nullopt));
  REQUIRE(decoded.has_value());
  CHECK(decoded->has_status);
  CHECK_FALSE(decoded->has_message);
  CHECK(decoded->answer.status == 5);
  CHECK(decoded->answer.status_message == "not here");
  CHECK(decoded->answer.status_details == std::vector<std::string>{"any"});
  CHECK(decoded->answer.trailers.value_or("x-t") == "t");
}

TEST_CASE("garbage is refused", "[peer]") {
  CHECK_FALSE(decode_stream("\xff\xff\xff").has_value());
  CHECK_FALSE(decode_request("\x12\x7f" "short").has_value());
  CHECK_FALSE(decode_response("\x0a\x80").has_value());
}
