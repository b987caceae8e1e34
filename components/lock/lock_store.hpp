// Contract of lock stores (contract 02, section 5). A lock is a resource that one owner holds until a time is over. Prefixes
// and the words of the API belong to runtime/capabilities/lock; a store sees full keys.
//
// A lock that somebody holds, the same owner included, is an answer, not a failure. Threads: any shard, at the same time.

#pragma once

#include <cstdint>
#include <string>

#include "components/component.hpp"

namespace mecha::lock {

struct TryLockRequest {
  std::string key;
  std::string owner;
  std::int32_t expiry_seconds = 0;  // at least 1
};

struct UnlockRequest {
  std::string key;
  std::string owner;
};

// The numbers are those of the wire.
enum class UnlockStatus : std::uint8_t { success = 0, lock_does_not_exist = 1, lock_belongs_to_others = 2, internal_error = 3 };

class LockStore : public Component {
 public:
  // True if the lock is now the owner's. Not re-entrant, and a failed try does not prolong it.
  virtual Async<bool> try_lock(TryLockRequest request) = 0;
  virtual Async<UnlockStatus> unlock(UnlockRequest request) = 0;
};

}  // namespace mecha::lock
