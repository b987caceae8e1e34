// What Go says of a text that is not what it should be, where such a text reaches users.

#pragma once

#include <string>
#include <string_view>

namespace mecha::text {

// Of a text that is no padded base64.
std::string base64_fault(std::string_view text);

// Of a text that is no hexadecimal text.
std::string hex_fault(std::string_view text);

}  // namespace mecha::text
