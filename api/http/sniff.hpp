// Content type of a body by its first bytes, where the application named none (contract 01, 5.4).

#pragma once

#include <string_view>

namespace mecha::api {

// The WHATWG algorithm over the first 512 bytes, as the reference applies it.
std::string_view sniff_content_type(std::string_view body);

}  // namespace mecha::api
