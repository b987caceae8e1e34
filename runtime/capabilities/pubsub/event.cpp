#include "runtime/capabilities/pubsub/event.hpp"

#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"

namespace mecha::pubsub {
namespace {

constexpr std::string_view kBinaryType = "application/octet-stream";

std::string content_type_of(const Message& message) {
  if (message.content_type && !message.content_type->empty()) return *message.content_type;
  if (message.metadata) {
    const auto item = message.metadata->find("content-type");
    if (item != message.metadata->end() && !item->second.empty()) return item->second;
  }
  return "application/json";
}

const std::string* metadata_value(const Message& message, std::string_view name) {
  if (!message.metadata) return nullptr;
  const auto item = message.metadata->find(name);
  return item == message.metadata->end() ? nullptr : &item->second;
}

json::Object synthetic(const Message& message, std::string_view topic, std::string_view pubsub) {
  json::Object event;
  event["id"] = text::uuid();
  event["specversion"] = "1.0";
  event["datacontenttype"] = kBinaryType;
  event["source"] = "Dapr";
  event["type"] = "com.dapr.event.sent";
  event["topic"] = topic;
  event["pubsubname"] = pubsub;
  event["data_base64"] = text::base64(message.data);
  if (const auto* value = metadata_value(message, "traceid")) event["traceid"] = *value;
  if (const auto* value = metadata_value(message, "tracestate")) event["tracestate"] = *value;
  if (const auto* value = metadata_value(message, "traceparent")) event["traceparent"] = event["traceid"] = *value;
  return event;
}

// Binary mode: attributes are metadata, the payload is the data.
json::Object binary_mode(const Message& message, std::string_view content_type) {
  json::Object event;
  if (message.metadata) {
    for (const auto& [key, value] : *message.metadata) {
      const auto name = text::lower(key);
      if (name.starts_with("ce_")) event[name.substr(3)] = value;
    }
  }
  event["datacontenttype"] = content_type;
  event["data_base64"] = text::base64(message.data);
  return event;
}

// What a structured event lacks. A traceparent is the traceid, too.
void take_trace(json::Value& event, const Message& message) {
  if (!event.is_object()) return;
  auto& attributes = event.as_object();
  for (const char* name : {"traceid", "traceparent", "tracestate"}) {
    const auto* value = metadata_value(message, name);
    if (value == nullptr || attributes.contains(name)) continue;
    attributes[name] = *value;
    if (std::string_view(name) == "traceparent") attributes["traceid"] = *value;
  }
}

}  // namespace

Result<Event> read_event(const Message& message, bool raw, std::string_view topic, std::string_view pubsub) {
  if (raw) {
    json::Value envelope(synthetic(message, topic, pubsub));
    auto body = json::write(envelope);
    return Event{std::move(envelope), std::move(body)};
  }
  if (const auto content_type = content_type_of(message); text::media_type(content_type) == kBinaryType) {
    json::Value envelope(binary_mode(message, content_type));
    return Event{std::move(envelope), std::nullopt};
  }
  MECHA_TRY(auto envelope, json::parse(message.data, true));
  if (!envelope.is_object() && !envelope.is_null()) {
    return json::mismatch(envelope, {}, "map[string]interface {}");
  }
  take_trace(envelope, message);
  return Event{std::move(envelope), std::nullopt};
}

bool has_expired(const json::Value& envelope, std::chrono::system_clock::time_point now) {
  const auto end = text::parse_instant(envelope.text("expiration"));
  if (!end) return false;
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  const text::Instant present{since / 1'000'000'000, static_cast<std::int32_t>(since % 1'000'000'000)};
  return *end < present;
}

std::optional<std::string_view> trace_attribute(const json::Value& envelope) {
  for (const char* name : {"traceparent", "traceid"}) {
    if (const auto* value = envelope.find(name); value != nullptr && value->is_string()) return value->as_string();
  }
  return std::nullopt;
}

}  // namespace mecha::pubsub
