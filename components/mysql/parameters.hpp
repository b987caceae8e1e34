// The values of a statement, put where its question marks are.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::mysql {

// A `?` between quotes or in a comment is none. Without values the text stays as it is; else there must be as many as
// question marks: "sql: expected 1 arguments, got 2".
Result<std::string> with_values(std::string_view sql, const std::vector<std::string>& literals);

}  // namespace mecha::mysql
