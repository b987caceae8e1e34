#include "components/bindings/aws_s3_bulk.hpp"

#include <algorithm>

#include "components/aws/xml.hpp"
#include "runtime/base/json_read.hpp"

namespace mecha::bindings {
namespace {

std::unexpected<Error> wrong(std::string why) { return fail(Code::invalid_argument, "s3 binding error: " + std::move(why)); }

std::unexpected<Error> invalid(const std::string& operation, const Error& why) { return wrong("invalid " + operation + " payload: " + why.message); }

// The list `member` of the object that the data must be; null and absent are an empty one.
Result<json::Array> list_of(const json::Value& root, std::string_view operation, std::string_view member) {
  if (root.is_null()) return json::Array{};
  if (!root.is_object()) return json::mismatch(root, {}, "s3." + std::string(operation) + "Payload");
  MECHA_TRY(const auto* list, json::read_array(root, member));
  return list == nullptr ? json::Array{} : list->as_array();
}

Result<void> read_text(const json::Value& item, std::string_view name, std::optional<std::string>& into) {
  const auto* value = item.find_nocase(name);
  if (value == nullptr || value->is_null()) return {};
  into.emplace();
  return json::read(item, name, *into);
}

Result<S3BulkItem> item_of(const json::Value& value) {
  S3BulkItem item;
  if (value.is_null()) return item;
  if (!value.is_object()) return json::mismatch(value, "items", "object");
  MECHA_TRY_VOID(json::read(value, "key", item.key));
  MECHA_TRY_VOID(read_text(value, "filePath", item.file));
  MECHA_TRY_VOID(read_text(value, "data", item.data));
  MECHA_TRY_VOID(read_text(value, "contentType", item.content_type));
  return item;
}

Result<S3Bulk> items_of(const std::string& operation, const std::string& data, int& at_once) {
  MECHA_TRY(const auto root, json::parse(data, true));
  MECHA_TRY(const auto list, list_of(root, operation, "items"));
  S3Bulk bulk;
  for (const auto& value : list) {
    MECHA_TRY(auto item, item_of(value));
    bulk.items.push_back(std::move(item));
  }
  if (root.is_object()) MECHA_TRY_VOID(json::read(root, "concurrency", at_once));
  return bulk;
}

void add_member(std::string& out, std::string_view name, const std::string& text) {
  if (text.empty()) return;
  out.append(",\"").append(name).append("\":").append(json::write(json::Value(text)));
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\r': out += "&#13;"; break;  // a parser would make a line's end of it
      default: out += c;
    }
  }
  return out;
}

}  // namespace

Result<S3Bulk> s3_bulk_items(const std::string& operation, const std::string& data) {
  int at_once = 10;
  auto bulk = items_of(operation, data, at_once);
  if (!bulk) return invalid(operation, bulk.error());
  if (bulk->items.empty()) return wrong(operation + " requires at least one item");
  if (at_once <= 0) return wrong("concurrency must be greater than 0, got " + std::to_string(at_once));
  bulk->at_once = static_cast<std::size_t>(at_once);
  return bulk;
}

Result<std::vector<std::string>> s3_bulk_keys(const std::string& data) {
  const std::string operation = "bulkDelete";
  const auto root = json::parse(data, true);
  if (!root) return invalid(operation, root.error());
  const auto list = list_of(*root, operation, "keys");
  if (!list) return invalid(operation, list.error());
  std::vector<std::string> keys;
  for (const auto& value : *list) {
    if (!value.is_string() && !value.is_null()) return invalid(operation, json::mismatch(value, "keys", "string").error());
    keys.push_back(value.is_string() ? value.as_string() : std::string());
  }
  if (keys.empty()) return wrong("bulkDelete requires at least one key");
  return keys;
}

std::string s3_bulk_answer(const std::vector<S3BulkResult>& results) {
  std::string out = "[";
  for (const auto& one : results) {
    out.append(out.size() > 1 ? ",{\"key\":" : "{\"key\":").append(json::write(json::Value(one.key)));
    add_member(out, "data", one.data);
    add_member(out, "location", one.location);
    add_member(out, "error", one.error);
    out += '}';
  }
  return out + ']';
}

Result<void> S3Share::take(std::size_t bytes) {
  if (bytes > budget_.left_) return fail(Code::resource_exhausted, "the objects of one operation must not have more than 512 MiB in memory");
  budget_.left_ -= bytes;
  taken_ += bytes;
  return {};
}

bool s3_fits_xml(std::string_view key) {
  const auto is_control = [](unsigned char c) { return c < 0x20 && c != '\t' && c != '\n' && c != '\r'; };
  // U+FFFE and U+FFFF are no characters there either.
  return std::ranges::none_of(key, is_control) && !key.contains("\xef\xbf\xbe") && !key.contains("\xef\xbf\xbf");
}

std::string s3_delete_document(std::span<const std::string> keys) {
  std::string out = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const auto& key : keys) out.append("<Object><Key>").append(escaped(key)).append("</Key></Object>");
  return out + "<Quiet>false</Quiet></Delete>";
}

Result<std::vector<std::pair<std::string, std::string>>> s3_delete_errors(std::string_view xml) {
  MECHA_TRY(const auto root, aws::parse_xml(xml));
  if (root.name != "DeleteResult") return fail(Code::internal, "the answer is no result of a deletion");
  std::vector<std::pair<std::string, std::string>> errors;
  for (const auto& child : root.children) {
    if (child.name != "Error") continue;
    const auto* message = child.find("Message");
    errors.emplace_back(child.text_of("Key"), message == nullptr ? "unknown error" : message->text);
  }
  return errors;
}

}  // namespace mecha::bindings
