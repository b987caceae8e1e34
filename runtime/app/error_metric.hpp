// The metric of error codes, the same for both faces of the API (contract 06, 7.2: error_code_total).

#pragma once

#include <string_view>

#include "runtime/telemetry/request_scope.hpp"

namespace mecha {

// Does nothing unless the configuration asks for it. `tag` is a code of the catalogue.
void count_error(const RequestScope& scope, std::string_view tag);

}  // namespace mecha
