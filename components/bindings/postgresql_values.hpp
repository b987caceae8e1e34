// Between JSON and the texts of PostgreSQL, by the types of parameters and columns. Internal to bindings.postgresql.

#pragma once

#include <cstdint>
#include <string_view>

#include "components/postgresql/statement.hpp"
#include "runtime/base/json.hpp"

namespace mecha::bindings {

// A list is an array of the server unless `type` is json or jsonb; `type` 0 is not known.
postgresql::Value to_parameter(const json::Value& value, std::uint32_t type);

// A column's text: truth, numbers, JSON, times (RFC 3339), bytes (base64) and arrays as such, all else as text.
json::Value to_json(std::string_view text, std::uint32_t type);

// JSON of rows, an array of arrays; numbers keep their text.
std::string write_rows(const postgresql::Answer& answer);

}  // namespace mecha::bindings
