// The W3C baggage header: whether it is well formed. Values are never read, only passed on
// (contract 01, 1.9).

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::telemetry {

// What several header fields say together.
std::string joined_baggage(const std::vector<std::string_view>& values);

// The failure's message goes behind "invalid baggage header: ".
Result<void> check_baggage(std::string_view header);

}  // namespace mecha::telemetry
