#include "runtime/capabilities/pubsub/envelope.hpp"

#include <cstdio>
#include <ctime>

#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::pubsub {
namespace {

constexpr std::string_view kType = "com.dapr.event.sent";
constexpr std::string_view kSource = "Dapr";

// RFC 3339 in whole seconds and the local zone, "Z" where that is UTC.
std::string local_time(std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  if (parts.tm_gmtoff == 0) return text::rfc3339(now);
  char buffer[64];
  const auto size = std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &parts);
  const long minutes = (parts.tm_gmtoff < 0 ? -parts.tm_gmtoff : parts.tm_gmtoff) / 60;
  char zone[16];
  std::snprintf(zone, sizeof zone, "%c%02ld:%02ld", parts.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
  return std::string(buffer, size) + zone;
}

// RFC 3339 in whole seconds, UTC; also beyond the end of the clock, which the longest times to live pass.
std::string later(std::chrono::system_clock::time_point now, std::chrono::nanoseconds ttl) {
  constexpr std::chrono::seconds kSecond(1);
  const auto since = std::chrono::floor<std::chrono::nanoseconds>(now).time_since_epoch();
  const auto rest = since % kSecond + ttl % kSecond;
  return text::format_instant({.seconds = since / kSecond + ttl / kSecond + rest / kSecond});
}

void put_data(json::Object& event, const EnvelopeInput& input) {
  const auto media = text::media_type(input.content_type);
  const bool binary = media == "application/octet-stream" || media == "application/cloudevents+protobuf" ||
                      (media == "application/x-protobuf" && is_cloud_event_protobuf(input.data));
  if (binary) {
    event["data_base64"] = text::base64(input.data);
    return;
  }
  if (media == "application/json") {
    if (auto parsed = json::parse(input.data)) {
      event["data"] = *std::move(parsed);
      return;
    }
  }
  event["data"] = text::sanitize_utf8(input.data);
}

void put_expiration(json::Object& event, const EnvelopeInput& input) {
  if (input.ttl_native) return;
  if (const auto ttl = time_to_live(input.metadata)) {
    event["expiration"] = later(input.now, *ttl);
  }
}

std::string write(json::Object event) {
  return json::write(json::Value(std::move(event)), json::Dialect::number_text);
}

// A value of the request's metadata replaces an attribute unless it is empty.
void override_with(json::Object& event, const char* attribute, const Metadata& metadata, std::string_view key) {
  const auto* value = find_nocase(metadata, key);
  if (value != nullptr && !value->empty()) event[attribute] = *value;
}

std::string wrap(const EnvelopeInput& input) {
  json::Object event;
  event["id"] = text::uuid();
  event["source"] = input.app_id.empty() ? kSource : input.app_id;
  event["specversion"] = "1.0";
  event["type"] = kType;
  event["datacontenttype"] = input.content_type.empty() ? std::string_view("text/plain") : input.content_type;
  event["topic"] = input.topic;
  event["pubsubname"] = input.pubsub;
  event["time"] = local_time(input.now);
  event["traceid"] = input.traceparent;
  event["traceparent"] = input.traceparent;
  event["tracestate"] = input.tracestate;
  put_data(event, input);
  put_expiration(event, input);

  const auto& metadata = input.metadata;
  override_with(event, "id", metadata, "cloudevent.id");
  override_with(event, "type", metadata, "cloudevent.type");
  override_with(event, "subject", metadata, "cloudevent.subject");
  override_with(event, "tracestate", metadata, "cloudevent.tracestate");
  override_with(event, "traceid", metadata, "cloudevent.traceid");
  override_with(event, "traceid", metadata, "cloudevent.traceparent");
  event["traceparent"] = event["traceid"];
  if (const auto* source = find_nocase(metadata, "cloudevent.source")) {
    event["source"] = source->empty() ? kSource : std::string_view(*source);
  }
  return write(std::move(event));
}

void fill(json::Object& event, const char* attribute, std::string_view value) {
  auto& slot = event[attribute];
  if (slot.is_null()) slot = value;
}

Result<std::string> complete(const EnvelopeInput& input) {
  auto parsed = json::parse(input.data);
  if (!parsed) return fail(std::move(parsed).error());
  if (!parsed->is_object()) return json::mismatch(*parsed, {}, "map[string]interface {}");
  auto& event = parsed->as_object();
  event["topic"] = input.topic;
  event["pubsubname"] = input.pubsub;
  fill(event, "source", kSource);
  fill(event, "type", kType);
  fill(event, "specversion", "1.0");
  if (!event.contains("time")) event["time"] = local_time(input.now);
  if (!event.contains("tracestate")) event["tracestate"] = input.tracestate;
  if (!event.contains("traceid")) {
    event["traceid"] = input.traceparent;
    event["traceparent"] = input.traceparent;
  }
  put_expiration(event, input);
  return write(std::move(event));
}

}  // namespace

const std::string* find_nocase(const Metadata& metadata, std::string_view name) {
  if (const auto exact = metadata.find(name); exact != metadata.end()) return &exact->second;
  for (const auto& [key, value] : metadata) {
    if (text::equals_nocase(key, name)) return &value;
  }
  return nullptr;
}

std::optional<std::chrono::nanoseconds> time_to_live(const Metadata& metadata) {
  const auto* value = find_nocase(metadata, "ttl");
  if (value == nullptr) value = find_nocase(metadata, "ttlInSeconds");
  if (value == nullptr || value->empty()) return std::nullopt;
  constexpr std::int64_t kSecondsMax = std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds::max()).count();
  if (const auto seconds = text::to_int(*value); seconds && *seconds > 0) {
    return std::chrono::seconds(std::min(*seconds, kSecondsMax));
  }
  const auto duration = text::go_duration(*value);  // a bare 0 is one, -1 is not
  if (!duration) return std::nullopt;
  return std::max(*duration, std::chrono::nanoseconds(0));
}

Result<bool> raw_payload(const Metadata& metadata) {
  const auto item = metadata.find("rawPayload");
  if (item == metadata.end() || item->second.empty()) return false;
  if (const auto value = text::strict_bool(item->second)) return *value;
  return fail(
      Code::invalid_argument, "rawPayload value must be a valid boolean: actual is '" + item->second + "'"
  );
}

// Every field whole, the four text attributes UTF-8.
bool is_cloud_event_protobuf(std::string_view bytes) {
  wire::Reader reader(bytes);
  while (reader.next()) {
    if (reader.field() == 0) return false;
    if (reader.field() <= 4 && !text::is_utf8(reader.bytes())) return false;
  }
  return reader.ok();
}

Result<std::string> make_envelope(const EnvelopeInput& input) {
  const bool whole = !input.always_wrap && text::media_type(input.content_type) == "application/cloudevents+json";
  if (whole) return complete(input);
  return wrap(input);
}

}  // namespace mecha::pubsub
