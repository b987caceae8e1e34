// Files of `NAME=value` lines, as `.env`.

#pragma once

#include <string>
#include <string_view>

#include "cli/process.hpp"
#include "runtime/base/result.hpp"

namespace mecha::cli {

// Lines are `NAME=value` or `export NAME=value`; blank lines and those that begin with # are passed over. A value in double
// quotes knows \n, \t, \" and \\, one in single quotes is taken as it is, one without ends at ` #`. Nothing is
// expanded. Fails with "<file>:<line>: ...".
Result<Variables> parse_dotenv(std::string_view text, const std::string& file);
// The variables of a file that our own environment does not have. A file that is missing is an error if `required`.
Result<Variables> read_dotenv(const std::string& file, bool required);

}  // namespace mecha::cli
