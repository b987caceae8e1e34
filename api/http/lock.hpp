// HTTP face of the lock API (contract 02, section 5.1). The bodies are the JSON form of messages.

#pragma once

#include <string_view>
#include <vector>

#include "api/http/route.hpp"
#include "runtime/capabilities/lock/lock.hpp"

namespace mecha::api {

std::vector<HttpRoute> lock_routes(lock::LockCapability& capability);

// What a body says; the store is the path's. Fails with ERR_MALFORMED_REQUEST.
Result<lock::TryRequest> read_try_lock(std::string_view body);
Result<lock::ReleaseRequest> read_unlock(std::string_view body);

}  // namespace mecha::api
