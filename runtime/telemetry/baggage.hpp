// The W3C baggage header: whether it is well formed. Values are never read, only passed on
// (contract 01, 1.9).

#pragma once

#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::telemetry {

// The failure's message goes behind "invalid baggage header: ".
Result<void> check_baggage(std::string_view header);

}  // namespace mecha::telemetry
