// SQL LIKE as the contract has it: % any text, _ one character, backslash escapes.

#pragma once

#include <string_view>

namespace mecha::state {

bool like(std::string_view pattern, std::string_view text);

}  // namespace mecha::state
