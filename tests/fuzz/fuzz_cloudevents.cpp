// CloudEvents: any payload becomes an event or says why not; what we wrap can always be read again. The first byte chooses
// the content type and whether the subscription is raw.

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/base/check.hpp"
#include "runtime/capabilities/pubsub/envelope.hpp"
#include "runtime/capabilities/pubsub/event.hpp"
#include "runtime/capabilities/pubsub/subscription_list.hpp"

using namespace mecha;
using namespace mecha::pubsub;

namespace {

constexpr const char* kTypes[] = {
    "", "application/json", "application/octet-stream", "application/cloudevents+json", "application/x-protobuf",
    "text/plain; charset=utf-8", "image/png", "application/cloudevents+protobuf"};

void wrap_and_read(std::string_view payload, const char* type, const Metadata& metadata) {
  const auto envelope = make_envelope(
      {.app_id = "app", .pubsub = "bus", .topic = "t", .content_type = type, .data = payload, .metadata = metadata,
       .traceparent = "", .tracestate = "", .ttl_native = false, .now = std::chrono::system_clock::now()}
  );
  if (!envelope) {
    MECHA_CHECK(!envelope.error().message.empty());
    return;
  }
  const Message message{.topic = "t", .data = *envelope, .content_type = {}, .metadata = metadata};
  const auto event = read_event(message, false, "t", "bus");
  MECHA_CHECK(event.has_value());
  MECHA_CHECK(event->envelope.text("topic") == "t");
  MECHA_CHECK(event->envelope.text("pubsubname") == "bus");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view payload(reinterpret_cast<const char*>(data) + 1, size - 1);
  const char* type = kTypes[data[0] & 7];
  const Metadata metadata{{"ttl", std::string(payload.substr(0, 8))}, {"ce_id", "1"}, {"traceid", "t"}};
  wrap_and_read(payload, type, {});
  const Message message{.topic = "t", .data = std::string(payload), .content_type = type, .metadata = metadata};
  const auto event = read_event(message, (data[0] & 8) != 0, "t", "bus");
  if (event) {
    MECHA_CHECK(event->envelope.is_object() || event->envelope.is_null());
    (void)has_expired(event->envelope, std::chrono::system_clock::now());
    (void)trace_attribute(event->envelope);
  }
  (void)time_to_live(metadata);
  (void)read_subscribe_answer(payload, Log());
  (void)read_topic_subscriptions(payload);
  return 0;
}
