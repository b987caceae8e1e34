#include "api/http/proto_json.hpp"

#include <array>
#include <string>

#include "tests/catch.hpp"

namespace mecha::api {
namespace {

constexpr std::array kFields{ProtoField{"storeName", "store_name"}, ProtoField{"key", "key"}};

std::string told(std::string_view body) {
  const auto message = read_proto_json(body, kFields);
  if (message) return json::write(*message);
  return std::to_string(message.error().status()) + " " + message.error().message;
}

}  // namespace

TEST_CASE("messages in JSON are objects, or nothing at all", "[http][proto_json]") {
  const std::string prefix = "400 failed deserializing HTTP body: proto: ";
  CHECK(told("") == "{}");
  CHECK(told(R"( {"key":"a","other":[{"key":1},{"key":2}]} )") == R"({"key":"a","other":[{"key":1},{"key":2}]})");
  for (const auto* bad : {" ", "[]", "null", "7", "{", R"({"key":"a"} x)"}) {
    INFO(bad);
    CHECK_THAT(told(bad), Catch::StartsWith(prefix));
  }
}

TEST_CASE("a field stands once in a message, in one of its spellings", "[http][proto_json]") {
  const std::string twice = "400 failed deserializing HTTP body: proto: duplicate field ";
  CHECK(told(R"({"key":"a","key":"b"})") == twice + R"("key")");
  CHECK(told(R"({"storeName":"a","store_name":null})") == twice + R"("storeName")");
  CHECK(told(R"({"key":"a","\u006bey":"b"})") == twice + R"("key")");
  CHECK(told(R"({"x":1,"x":[",","key"],"key":"\"key\":{"})") == R"({"key":"\"key\":{","x":[",","key"]})");
}

TEST_CASE("texts of a message are whole", "[http][proto_json]") {
  const std::string wrong = "400 failed deserializing HTTP body: proto: syntax error: invalid text";
  CHECK(told("{\"x\":\"\xff\"}") == wrong);
  CHECK(told(R"({"x":"\ud83d\ude00 \\ud83d"})") == "{\"x\":\"\xf0\x9f\x98\x80 \\\\ud83d\"}");
  for (const auto* half : {R"({"x":"\ud83d"})", R"({"x":"\ud83d a"})", R"({"x":"\ude00"})", R"({"x":"\ud83d\ud83d"})", R"({"\ud83d":1})"}) CHECK(told(half) == wrong);
}

TEST_CASE("a field is found in both spellings unless it is null", "[http][proto_json]") {
  const auto message = read_proto_json(R"({"store_name":"s","key":null})", kFields);
  REQUIRE(message);
  REQUIRE(find_field(*message, kFields[0]) != nullptr);
  CHECK(find_field(*message, kFields[0])->as_string() == "s");
  CHECK(find_field(*message, kFields[1]) == nullptr);
  CHECK(invalid_field("key").error().message == "failed deserializing HTTP body: proto: invalid value for field key");
}

}  // namespace mecha::api
