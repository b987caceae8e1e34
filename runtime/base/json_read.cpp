#include "runtime/base/json_read.hpp"

namespace mecha::json {
namespace {

const Value* present(const Value& object, std::string_view name) {
  const auto* value = object.find_nocase(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

}  // namespace

std::string_view kind_name(const Value& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return "bool";
  if (value.is_number()) return "number";
  if (value.is_string()) return "string";
  return value.is_array() ? "array" : "object";
}

std::unexpected<Error> mismatch(const Value& value, std::string_view field, std::string_view type) {
  std::string text = "json: cannot unmarshal ";
  text.append(kind_name(value));
  // A number that the type cannot hold is named.
  if (value.is_number() && (type == "float64" || type.starts_with("int"))) text.append(" ").append(value.number_text());
  text.append(" into Go ");
  if (field.empty()) text.append("value");
  else text.append("struct field ").append(field);
  text.append(" of type ").append(type);
  return fail(Code::invalid_argument, std::move(text));
}

Result<void> read(const Value& object, std::string_view name, std::string& target, std::string_view in) {
  const auto* value = present(object, name);
  if (value == nullptr) return {};
  if (!value->is_string()) return mismatch(*value, std::string(in).append(name), "string");
  target = value->as_string();
  return {};
}

Result<void> read(const Value& object, std::string_view name, bool& target, std::string_view in) {
  const auto* value = present(object, name);
  if (value == nullptr) return {};
  if (!value->is_bool()) return mismatch(*value, std::string(in).append(name), "bool");
  target = value->as_bool();
  return {};
}

Result<void> read(const Value& object, std::string_view name, int& target, std::string_view in) {
  const auto* value = present(object, name);
  if (value == nullptr) return {};
  const auto number = value->is_number() ? value->as_int() : std::nullopt;
  if (!number || *number != static_cast<std::int32_t>(*number)) return mismatch(*value, std::string(in).append(name), "int32");
  target = static_cast<int>(*number);
  return {};
}

Result<void> read(const Value& object, std::string_view name, std::map<std::string, std::string, std::less<>>& target, std::string_view in) {
  const auto* value = present(object, name);
  if (value == nullptr) return {};
  if (!value->is_object()) return mismatch(*value, std::string(in).append(name), "map[string]string");
  for (const auto& [key, text] : value->as_object()) {
    if (!text.is_string() && !text.is_null()) return mismatch(text, std::string(in).append(name), "string");
    target.insert_or_assign(key, text.is_null() ? std::string() : text.as_string());
  }
  return {};
}

Result<const Value*> read_array(const Value& object, std::string_view name) {
  const auto* value = present(object, name);
  if (value != nullptr && !value->is_array()) return mismatch(*value, name, "slice");
  return value;
}

Result<const Value*> read_object(const Value& object, std::string_view name) {
  const auto* value = present(object, name);
  if (value != nullptr && !value->is_object()) return mismatch(*value, name, "struct");
  return value;
}

}  // namespace mecha::json
