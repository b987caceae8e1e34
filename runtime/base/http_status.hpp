// What HTTP calls its status codes.

#pragma once

#include <string_view>

namespace mecha {

std::string_view status_text(unsigned status);  // "Not Found"; empty if unknown

}  // namespace mecha
