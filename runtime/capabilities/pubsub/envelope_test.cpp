#include "runtime/capabilities/pubsub/envelope.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::pubsub;

namespace {

struct Call {
  std::string content_type, data, trace;
  Metadata metadata;
  bool ttl_native = false;
};

Result<std::string> envelope(const Call& call) {
  return make_envelope({
      .app_id = "app", .pubsub = "bus", .topic = "t", .content_type = call.content_type, .data = call.data,
      .metadata = call.metadata, .traceparent = call.trace, .tracestate = "", .ttl_native = call.ttl_native,
      .now = *text::parse_rfc3339("2024-01-02T03:04:05Z"),
  });
}

json::Value event(const Call& call) {
  const auto text = envelope(call);
  REQUIRE(text.has_value());
  return *json::parse(*text, true);
}

}  // namespace

TEST_CASE("an envelope has every attribute and nothing more", "[pubsub][envelope]") {
  const auto e = event({"application/json", R"({"b":1})", "tp", {}});
  CHECK(e.as_object().size() == 12);
  CHECK(e.text("source") == "app");
  CHECK(e.text("type") == "com.dapr.event.sent");
  CHECK(e.text("traceid") == "tp");
  CHECK(e.text("traceparent") == "tp");
  CHECK(e.find("tracestate")->as_string().empty());
  CHECK(e.find("data")->find("b")->as_int() == 1);
}

TEST_CASE("the content type decides the form of the data", "[pubsub][envelope]") {
  CHECK(event({"", "hi", "", {}}).text("datacontenttype") == "text/plain");
  CHECK(event({"application/json", R"({"a":)", "", {}}).text("data") == R"({"a":)");
  CHECK(event({"Application/JSON; x=y", R"({"a":1} junk)", "", {}}).find("data")->is_object());
  CHECK(event({"application/octet-stream", "AB", "", {}}).text("data_base64") == "QUI=");
  CHECK(event({"application/vnd.x+json", R"({"a":1})", "", {}}).text("data") == R"({"a":1})");
  CHECK(event({"application/x-protobuf", "hello", "", {}}).text("data") == "hello");
  const auto bytes = *text::from_base64("CgExEgJzMRoDMS4wIgJ0eQ==");
  CHECK(event({"application/x-protobuf", bytes, "", {}}).text("data_base64") == "CgExEgJzMRoDMS4wIgJ0eQ==");
  CHECK(event({"image/png", "A\xff" "B", "", {}}).text("data") == "A\xef\xbf\xbd" "B");
}

TEST_CASE("numbers keep their text", "[pubsub][envelope]") {
  const auto text = envelope({"application/json", R"({"n":12345678901234567890.10})", "", {}});
  CHECK(text->find(R"("data":{"n":12345678901234567890.10})") != std::string::npos);
}

TEST_CASE("overrides are found in any case and count unless they are empty", "[pubsub][envelope]") {
  const auto e = event({"", "x", "tp", {{"CloudEvent.ID", "i"}, {"cloudevent.source", ""}, {"cloudevent.type", ""},
                                      {"cloudevent.traceid", "a"}, {"cloudevent.traceparent", "b"}, {"cloudevent.subject", "s"}}});
  CHECK(e.text("id") == "i");
  CHECK(e.text("source") == "Dapr");
  CHECK(e.text("type") == "com.dapr.event.sent");
  CHECK(e.text("traceid") == "b");
  CHECK(e.text("traceparent") == "b");
  CHECK(e.text("subject") == "s");
}

TEST_CASE("time to live: names, units and what is ignored", "[pubsub][envelope]") {
  const auto seconds = [](Metadata m) -> std::optional<long> {
    const auto ttl = time_to_live(m);
    return ttl ? std::optional<long>(std::chrono::duration_cast<std::chrono::seconds>(*ttl).count()) : std::nullopt;
  };
  CHECK(seconds({{"ttlInSeconds", "10"}}) == 10);
  CHECK(seconds({{"ttlinseconds", "10"}, {"TTL", "1h2m"}}) == 3720);
  CHECK(seconds({{"ttl", "0"}}) == 0);
  CHECK(seconds({{"ttl", "-1s"}}) == 0);
  CHECK(seconds({{"ttl", "-1"}}) == std::nullopt);
  CHECK(seconds({{"ttl", "abc"}}) == std::nullopt);
  CHECK(event({"", "x", "", {{"ttl", "10"}}}).text("expiration") == "2024-01-02T03:04:15Z");
  CHECK(event({"", "x", "", {{"ttl", "10"}}, true}).find("expiration") == nullptr);
}

TEST_CASE("a caller's CloudEvent is completed, not validated", "[pubsub][envelope]") {
  const std::string type = "application/cloudevents+json";
  const auto e = event({type, R"({"topic":"other","traceparent":"mine","type":null,"x":1})", "tp", {{"cloudevent.id", "no"}}});
  CHECK(e.text("topic") == "t");
  CHECK(e.text("source") == "Dapr");
  CHECK(e.text("type") == "com.dapr.event.sent");
  CHECK(e.text("traceparent") == "tp");
  CHECK(e.find("id") == nullptr);
  CHECK(e.find("datacontenttype") == nullptr);
  CHECK(event({type, R"({"traceid":"mine"})", "tp", {}}).find("traceparent") == nullptr);
  for (const char* body : {"", "nope", "[1]", "null"}) CHECK_FALSE(envelope({type, body, "", {}}).has_value());
}

TEST_CASE("rawPayload is a strict boolean", "[pubsub][envelope]") {
  CHECK(raw_payload({{"rawPayload", "TRUE"}}).value());
  CHECK_FALSE(raw_payload({{"rawpayload", "true"}}).value());
  CHECK(raw_payload({{"rawPayload", "yes"}}).error().message == "rawPayload value must be a valid boolean: actual is 'yes'");
}
