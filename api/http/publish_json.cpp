// Reading the body of a bulk request.
#include "api/http/publish.hpp"
#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"

namespace mecha::api {
namespace {

Result<BulkItem> read_item(const json::Value& object) {
  BulkItem item;
  if (object.is_null()) return item;
  if (!object.is_object()) return json::mismatch(object, {}, "http.bulkPublishMessageEntry");
  constexpr std::string_view in = "bulkPublishMessageEntry.";
  MECHA_TRY_VOID(json::read(object, "entryId", item.entry_id, in));
  MECHA_TRY_VOID(json::read(object, "contentType", item.content_type, in));
  if (const auto* event = object.find_nocase("event")) {
    if (const auto* number = json::out_of_range(*event)) return json::mismatch(*number, "bulkPublishMessageEntry.event", "float64");
    item.event = *event;
  }
  const auto* metadata = object.find_nocase("metadata");
  if (metadata == nullptr || metadata->is_null()) return item;
  MECHA_TRY_VOID(json::read(object, "metadata", item.metadata.emplace(), in));
  return item;
}

}  // namespace

Result<std::vector<BulkItem>> read_bulk_body(std::string_view body) {
  MECHA_TRY(const auto list, json::parse(body));
  std::vector<BulkItem> items;
  if (list.is_null()) return items;
  if (!list.is_array()) return json::mismatch(list, {}, "[]http.bulkPublishMessageEntry");
  for (const auto& element : list.as_array()) {
    MECHA_TRY(auto item, read_item(element));
    items.push_back(std::move(item));
  }
  return items;
}

Result<std::string> event_bytes(const json::Value& event, std::string_view content_type) {
  const auto media = text::media_type(content_type);
  const bool is_text = event.is_string();
  if (media == "application/json" || media == "application/cloudevents+json") return json::write(event);
  if (is_text && (media.starts_with("text/") || media == "application/xml")) return event.as_string();
  if (is_text && media == "application/octet-stream") {
    auto bytes = text::from_base64(event.as_string());
    if (bytes) return *std::move(bytes);
    return fail(
        Code::invalid_argument,
        "error: unable to decode base64 application/octect-stream data: " + text::base64_fault(event.as_string())
    );
  }
  return fail(Code::invalid_argument, "error: mismatch between contentType and event");
}

}  // namespace mecha::api
