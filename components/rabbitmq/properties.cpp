#include "components/rabbitmq/properties.hpp"

#include <algorithm>
#include <chrono>

namespace mecha::rabbitmq {
namespace {

using namespace std::chrono_literals;

const std::string* find(const Metadata& metadata, std::string_view name) {
  for (const auto& [key, value] : metadata) {
    if (text::equals_nocase(key, name)) return &value;
  }
  return nullptr;
}

std::optional<std::string> text_of(const Metadata& metadata, std::string_view name) {
  const auto* value = find(metadata, name);
  return value == nullptr || value->empty() ? std::nullopt : std::optional(*value);
}

// What cannot be read counts as absent; a negative duration is none at all.
std::optional<std::chrono::milliseconds> ttl_of(const Metadata& metadata) {
  const auto* value = find(metadata, "ttl");
  if (value == nullptr) value = find(metadata, "ttlInSeconds");
  if (value == nullptr) return std::nullopt;
  if (const auto whole = text::to_int(*value); whole && *whole < 0) return std::nullopt;
  const auto time = text::duration_or(*value, 1s);
  if (!time) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::max(*time, std::chrono::nanoseconds(0)));
}

}  // namespace

Properties outgoing_properties(const Metadata& metadata, std::optional<std::chrono::milliseconds> ttl) {
  Properties properties;
  properties.content_type = text_of(metadata, "contentType").value_or("text/plain");
  properties.message_id = text_of(metadata, "messageID");
  properties.correlation_id = text_of(metadata, "correlationID");
  properties.type = text_of(metadata, "type");
  if (const auto own = ttl_of(metadata)) ttl = own;
  if (ttl) properties.expiration = std::to_string(ttl->count());
  if (const auto* priority = find(metadata, "priority")) {
    const auto number = text::to_int(*priority);
    if (number) properties.priority = static_cast<std::uint8_t>(std::clamp<std::int64_t>(*number, 0, 255));
  }
  return properties;
}

Result<void> check_metadata(const Metadata& metadata) {
  const auto* ttl = find(metadata, "ttl");
  if (ttl == nullptr) ttl = find(metadata, "ttlInSeconds");
  if (ttl != nullptr && !ttl->empty() && !ttl_of(metadata)) {
    const bool whole = text::to_int(*ttl).has_value();
    const auto what = whole ? "higher than zero: actual is " + *ttl : "a valid integer: actual is '" + *ttl + "'";
    return fail(Code::invalid_argument, "failed to get TTL: ttlInSeconds value must be " + what);
  }
  const auto* priority = find(metadata, "priority");
  if (priority != nullptr && !priority->empty() && !text::to_int(*priority)) {
    return fail(Code::invalid_argument, "priority value must be a valid integer: actual is '" + *priority + "'");
  }
  return {};
}

Metadata incoming_metadata(const Properties& properties) {
  Metadata metadata;
  for (const auto& [name, value] : properties.headers) metadata["metadata." + name] = value;
  const auto add = [&](const char* name, const std::optional<std::string>& value) {
    if (value && !value->empty()) metadata[name] = *value;
  };
  add("metadata.messageid", properties.message_id);
  add("metadata.correlationid", properties.correlation_id);
  add("metadata.type", properties.type);
  add("metadata.contenttype", properties.content_type);
  return metadata;
}

}  // namespace mecha::rabbitmq
