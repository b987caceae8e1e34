#include "components/rabbitmq/properties.hpp"

#include <algorithm>
#include <chrono>

namespace mecha::rabbitmq {
namespace {

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

// Empty without one.
std::string_view ttl_text(const Metadata& metadata) {
  const auto* value = find(metadata, "ttl");
  if (value == nullptr) value = find(metadata, "ttlInSeconds");
  return value == nullptr ? std::string_view() : *value;
}

}  // namespace

Result<std::optional<std::chrono::milliseconds>> read_ttl(std::string_view text) {
  if (text.empty()) return std::nullopt;
  auto time = text::go_duration(text);
  if (!time) {
    const auto number = text::to_int(text);
    const auto given = ": actual is '" + std::string(text) + "'";
    if (!number) return fail(Code::invalid_argument, "ttlInSeconds value must be a valid integer" + given);
    if (*number <= 0) return fail(Code::invalid_argument, "ttlInSeconds value must be higher than zero" + given);
    time = std::chrono::seconds(std::min<std::int64_t>(*number, std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds::max()).count()));
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::max(*time, std::chrono::nanoseconds(0)));
}

Properties outgoing_properties(const Metadata& metadata, std::optional<std::chrono::milliseconds> ttl) {
  Properties properties;
  properties.content_type = text_of(metadata, "contentType").value_or("text/plain");
  properties.message_id = text_of(metadata, "messageID");
  properties.correlation_id = text_of(metadata, "correlationID");
  properties.type = text_of(metadata, "type");
  // What cannot be read counts as absent.
  if (const auto own = read_ttl(ttl_text(metadata)); own && *own) ttl = *own;
  if (ttl) properties.expiration = std::to_string(ttl->count());
  if (const auto* priority = find(metadata, "priority")) {
    const auto number = text::to_int(*priority);
    if (number) properties.priority = static_cast<std::uint8_t>(std::clamp<std::int64_t>(*number, 0, 255));
  }
  return properties;
}

Result<void> check_metadata(const Metadata& metadata) {
  if (auto ttl = read_ttl(ttl_text(metadata)); !ttl) return fail(std::move(ttl).error().context("failed to get TTL"));
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
