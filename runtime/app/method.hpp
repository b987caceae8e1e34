// The method of an invocation: cleaning and checking (contract 01, 5.1).

#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha {

// Lexically cleaned, without a leading slash; "" for the root. Leading "../" are dropped.
std::string clean_method(std::string_view method);
// Fails with invalid_argument, "invalid method: method contains forbidden character: ..." and the like.
Result<void> check_method(std::string_view method);

}  // namespace mecha
