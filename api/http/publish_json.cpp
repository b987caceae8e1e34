// Reading the body of a bulk request.
#include "api/http/publish.hpp"
#include "runtime/base/text.hpp"

namespace mecha::api {
namespace {

std::unexpected<Error> wrong_type(std::string_view field) {
  return fail(
      Code::invalid_argument, "json: cannot unmarshal a value into field " + std::string(field) + " of the wrong type"
  );
}

Result<void> read(const json::Value& object, std::string_view name, std::string& target) {
  const auto* value = object.find_nocase(name);
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_string()) return wrong_type(name);
  target = value->as_string();
  return {};
}

Result<BulkItem> read_item(const json::Value& object) {
  BulkItem item;
  if (object.is_null()) return item;
  if (!object.is_object()) return wrong_type("entry");
  MECHA_TRY_VOID(read(object, "entryId", item.entry_id));
  MECHA_TRY_VOID(read(object, "contentType", item.content_type));
  if (const auto* event = object.find_nocase("event")) item.event = *event;
  const auto* metadata = object.find_nocase("metadata");
  if (metadata == nullptr || metadata->is_null()) return item;
  if (!metadata->is_object()) return wrong_type("metadata");
  item.metadata.emplace();
  for (const auto& [key, value] : metadata->as_object()) {
    if (!value.is_string()) return wrong_type("metadata");
    item.metadata->insert_or_assign(key, value.as_string());
  }
  return item;
}

std::string media_type(std::string_view content_type) {
  return text::lower(content_type.substr(0, content_type.find(';')));
}

}  // namespace

Result<std::vector<BulkItem>> read_bulk_body(std::string_view body) {
  MECHA_TRY(const auto list, json::parse(body));
  std::vector<BulkItem> items;
  if (list.is_null()) return items;
  if (!list.is_array()) return wrong_type("entries");
  for (const auto& element : list.as_array()) {
    MECHA_TRY(auto item, read_item(element));
    items.push_back(std::move(item));
  }
  return items;
}

Result<std::string> event_bytes(const json::Value& event, std::string_view content_type) {
  const auto media = media_type(content_type);
  const bool is_text = event.is_string();
  if (media == "application/json" || media == "application/cloudevents+json") return json::write(event);
  if (is_text && (media.starts_with("text/") || media == "application/xml")) return event.as_string();
  if (is_text && media == "application/octet-stream") {
    auto bytes = text::from_base64(event.as_string());
    if (bytes) return *std::move(bytes);
    return fail(
        Code::invalid_argument,
        "error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 0"
    );
  }
  return fail(Code::invalid_argument, "error: mismatch between contentType and event");
}

}  // namespace mecha::api
