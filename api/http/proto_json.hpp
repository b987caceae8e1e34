// Bodies that are messages of protobuf written as JSON (contract 02, 0.1), which are read more strictly than other JSON.

#pragma once

#include <span>
#include <string_view>

#include "runtime/base/json.hpp"

namespace mecha::api {

// A field goes by two spellings.
struct ProtoField {
  std::string_view camel, snake;
};

// The object that the body is; an empty body is an empty one. Fails, with the error of the answer, on what is no JSON or no
// object, on a text that is not UTF-8 or has half a surrogate pair, and on one of `fields` that stands twice, in whichever spelling.
Result<json::Value> read_proto_json(std::string_view body, std::span<const ProtoField> fields);

// The member in either spelling; nullptr if it is absent or null.
const json::Value* find_field(const json::Value& message, const ProtoField& field);

// Of a value that is of another kind than its field.
std::unexpected<Error> invalid_field(std::string_view name);

}  // namespace mecha::api
