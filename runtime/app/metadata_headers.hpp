// What deliveries to HTTP applications share (contract 03, 3.3): metadata of a message or event as
// headers, and the target.

#pragma once

#include <string>
#include <string_view>

#include "components/component.hpp"
#include "runtime/net/headers.hpp"

namespace mecha {

// Lower-case names; hop-by-hop names, Content-Type, Content-Length and -bin stay behind; `grpc-`
// becomes `dapr-grpc-`. Fails for a name or value that no header can hold.
Result<void> add_metadata_headers(net::Headers& headers, const Metadata& metadata);

// Where a route leads: cleaned, escaped, with a leading slash, its query kept.
std::string request_target(std::string_view route);

}  // namespace mecha
