// Metadata of a message or event as HTTP headers of the call that delivers it (contract 03, 3.3).

#pragma once

#include "components/component.hpp"
#include "runtime/net/headers.hpp"

namespace mecha {

// Lower-case names; hop-by-hop names, Content-Type, Content-Length and -bin stay behind; `grpc-` becomes `dapr-grpc-`.
// Fails for a name or value that no header can hold.
Result<void> add_metadata_headers(net::Headers& headers, const Metadata& metadata);

}  // namespace mecha
