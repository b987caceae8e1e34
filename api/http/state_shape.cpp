#include "api/http/state_shape.hpp"

#include <algorithm>
#include <vector>

namespace mecha::api {
namespace {

using Wrong = std::vector<std::string>;

std::string_view kind(const json::Value& value) {
  if (value.is_bool()) return "bool";
  if (value.is_number()) return "float64";
  if (value.is_string()) return "string";
  return value.is_array() ? "slice" : "map";
}

std::string_view type(const json::Value& value) {
  if (value.is_array()) return "[]interface {}";
  return value.is_object() ? "map[string]interface {}" : kind(value);
}

// A value as Go prints it: map[a:1 b:[x y]].
std::string printed(const json::Value& value) {
  if (value.is_null()) return "<nil>";
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_number()) return json::format_double_g(value.as_double());
  if (value.is_string()) return value.as_string();
  std::string out;
  if (value.is_array()) {
    for (const auto& item : value.as_array()) out.append(out.empty() ? "[" : " ").append(printed(item));
    return (out.empty() ? "[" : out) + "]";
  }
  std::vector<std::string> members;
  for (const auto& [name, item] : value.as_object()) members.push_back(name + ":" + printed(item));
  std::ranges::sort(members);
  for (const auto& member : members) out.append(out.empty() ? "" : " ").append(member);
  return "map[" + out + "]";
}

void check_text(const json::Value& value, const std::string& name, Wrong& wrong) {
  if (value.is_null() || value.is_string()) return;
  auto text = "'" + name + "' expected type 'string', got unconvertible type '";
  text.append(type(value)).append("', value: '").append(printed(value)).append("'");
  wrong.push_back(std::move(text));
}

std::string no_map(const json::Value& value, std::string_view name) {
  return std::string("'").append(name).append("' expected a map, got '").append(kind(value)).append("'");
}

// True if `value` has members to look at.
bool has_members(const json::Value& value, std::string_view name, Wrong& wrong) {
  if (value.is_null() || value.is_object()) return value.is_object();
  wrong.push_back(no_map(value, name));
  return false;
}

}  // namespace

Result<void> check_operation(const json::Value& request, bool upsert) {
  if (request.is_null()) return {};
  if (!request.is_object()) return fail(Code::invalid_argument, no_map(request, ""));
  Wrong wrong;
  const auto text = [&](const json::Value& object, std::string_view name, const std::string& path) {
    if (const auto* value = object.find_nocase(name)) check_text(*value, path, wrong);
  };
  text(request, "key", "Key");
  text(request, "etag", "ETag");
  if (upsert) text(request, "contentType", "ContentType");
  if (const auto* metadata = request.find_nocase("metadata"); metadata != nullptr && has_members(*metadata, "Metadata", wrong)) {
    for (const auto& [name, value] : metadata->as_object()) check_text(value, "Metadata[" + name + "]", wrong);
  }
  if (const auto* options = request.find_nocase("options"); options != nullptr && has_members(*options, "Options", wrong)) {
    text(*options, "concurrency", "Options.Concurrency");
    text(*options, "consistency", "Options.Consistency");
  }
  if (wrong.empty()) return {};
  std::ranges::sort(wrong);
  auto message = std::to_string(wrong.size()) + " error(s) decoding:\n";
  for (const auto& line : wrong) message += "\n* " + line;
  return fail(Code::invalid_argument, std::move(message));
}

}  // namespace mecha::api
