// The API token of the HTTP API (contract 01, 1.8). Pure.

#pragma once

#include <string_view>

#include "runtime/net/headers.hpp"

namespace mecha::security {

inline constexpr std::string_view kApiTokenHeader = "dapr-api-token";

// Equal, in a time that does not tell where two texts of one length differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// Whether a request may pass. `token` is not empty; `path` is escaped, as received, before it is
// cleaned. The health routes need no token; of a repeated header the first value counts.
bool api_token_admits(
    std::string_view token,
    std::string_view method,
    std::string_view path,
    const net::Headers& headers
);

}  // namespace mecha::security
