// Members of JSON objects into plain variables, with the texts of a decoder that knows the type it wants.

#pragma once

#include <map>
#include <string>
#include <string_view>

#include "runtime/base/json.hpp"

namespace mecha::json {

// "null", "bool", "number", "string", "array" or "object".
std::string_view kind_name(const Value& value);

// "json: cannot unmarshal number into Go struct field key of type string"; without a field "into Go value of type ..."
std::unexpected<Error> mismatch(const Value& value, std::string_view field, std::string_view type);

// The member by name without case. Absent and null leave the target as it is; another kind is a mismatch, whose text has `in`
// before the name ("SetRequest.").
Result<void> read(const Value& object, std::string_view name, std::string& target, std::string_view in = {});
Result<void> read(const Value& object, std::string_view name, bool& target, std::string_view in = {});
Result<void> read(const Value& object, std::string_view name, int& target, std::string_view in = {});
Result<void> read(const Value& object, std::string_view name, std::map<std::string, std::string, std::less<>>& target, std::string_view in = {});

// The member if it is of that kind, nullptr for null and absent.
Result<const Value*> read_array(const Value& object, std::string_view name);
Result<const Value*> read_object(const Value& object, std::string_view name);

}  // namespace mecha::json
