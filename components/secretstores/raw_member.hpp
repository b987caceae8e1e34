// The text of one member of a JSON object, exactly as it was written.

#pragma once

#include <string_view>

namespace mecha::secrets {

// The last member of that name, without the blanks around it; empty if `object` is no object or has none. `object` is
// whole and valid JSON (json::parse has taken it), and the answer is a part of it.
std::string_view raw_member(std::string_view object, std::string_view name);

}  // namespace mecha::secrets
