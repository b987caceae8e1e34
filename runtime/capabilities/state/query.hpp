// The form of a query (contract 02, section 1.12), checked before a store sees it.

#pragma once

#include <string_view>

#include "runtime/base/json.hpp"

namespace mecha::state {

// The parsed query: an object with `filter`, `sort` and `page` as far as given, each of the right form. The failure's
// text is "failed to parse JSON query body: ...".
Result<json::Value> parse_query(std::string_view text);

}  // namespace mecha::state
