#include "api/http/publish.hpp"

#include "tests/catch.hpp"

using namespace mecha;

TEST_CASE("keys of a bulk request are matched without case, absent metadata is not empty metadata", "[publish]") {
  const auto items = api::read_bulk_body(R"([{"entryID":"1","Event":"x","contenttype":"text/plain"},
                                             {"entryId":"2","event":{"a":1.0},"contentType":"application/json","metadata":{}}])");
  REQUIRE(items);
  REQUIRE(items->size() == 2);
  CHECK((*items)[0].entry_id == "1");
  CHECK_FALSE((*items)[0].metadata.has_value());
  CHECK((*items)[1].metadata.has_value());
  CHECK(api::read_bulk_body("null")->empty());
  CHECK(api::read_bulk_body("[]")->empty());
}

TEST_CASE("a bulk request of another shape is refused", "[publish]") {
  for (const char* body : {"", "nope", "{}", R"([1])", R"([{"entryId":1}])", R"([{"entryId":"1","metadata":{"a":1}}])", R"([{"event":{"a":[1e400]}}])"}) {
    INFO(body);
    CHECK_FALSE(api::read_bulk_body(body).has_value());
  }
}

TEST_CASE("the event of an entry must fit its content type", "[publish]") {
  using json::Value;
  CHECK(api::event_bytes(Value("text"), "text/plain; charset=utf-8").value() == "text");
  CHECK(api::event_bytes(Value("QUI="), "application/octet-stream").value() == "AB");
  CHECK(api::event_bytes(*json::parse(R"({"n":12345678901234567890, "a":1.0})"), "application/json").value() ==
        R"({"a":1,"n":12345678901234567000})");
  for (const char* type : {"", "image/png"}) CHECK_FALSE(api::event_bytes(Value("x"), type).has_value());
  CHECK(api::event_bytes(Value(5), "text/plain").error().message == "error: mismatch between contentType and event");
  CHECK(
      api::event_bytes(Value("QUI%"), "application/octet-stream").error().message ==
      "error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 3"
  );
}
