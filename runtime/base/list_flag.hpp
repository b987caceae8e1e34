// Values of list flags: items with commas between, as one record of CSV (contract 06, 1.1).

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mecha {

// The items; none for an empty value. Nothing where a quote is not closed.
std::optional<std::vector<std::string>> split_list_flag(std::string_view value);

// An item as it stands in such a value: in quotes where it has to.
std::string list_flag_item(std::string_view item);

}  // namespace mecha
