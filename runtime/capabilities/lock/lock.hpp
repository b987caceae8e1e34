// Lock capability: takes and releases locks under full keys (contract 02, section 5). Failures come back as the errors of the
// API. Threads: stateless, from any shard.

#pragma once

#include <cstdint>
#include <string>

#include "components/lock/lock_store.hpp"
#include "runtime/resources/specs.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::lock {

struct TryRequest {
  std::string store, resource_id, owner;
  std::int32_t expiry_seconds = 0;
};

struct ReleaseRequest {
  std::string store, resource_id, owner;
};

class LockCapability {
 public:
  // Whether the lock is now the owner's.
  Async<bool> try_lock(RequestScope& scope, TryRequest request);
  Async<UnlockStatus> unlock(RequestScope& scope, ReleaseRequest request);
};

// The key that the store sees. Fails when the resource id holds the separator.
Result<std::string> lock_key(const ComponentSpec& store, std::string_view app_id, std::string_view resource_id);

// What the runtime asks of a store's metadata when it is initialised: a prefix without the separator.
Result<void> check_store_spec(const ComponentSpec& store);

}  // namespace mecha::lock
