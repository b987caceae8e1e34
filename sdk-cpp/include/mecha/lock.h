// Locks: one owner at a time for a resource of a named store.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "mecha/mode.h"

namespace mecha {

enum class UnlockStatus : int {
  success = 0,
  does_not_exist = 1,
  belongs_to_others = 2,
  internal_error = 3
};

namespace detail {
template <>
struct MayRefuse<UnlockStatus> : std::true_type {};
}  // namespace detail

/// Which lock is meant, and whose.
struct LockRequest {
  std::string store;  ///< The name of the component.
  std::string resource;  ///< What is locked.
  std::string owner;  ///< Who has it or wants it.
  std::chrono::seconds expiry{0};  ///< Unused when unlocking.
};

/// See StateApi for what overrides are held to.
class LockApi {
 public:
  virtual ~LockApi() = default;
  /// Whether the owner has it now.
  virtual Task<Result<bool>> try_lock(LockRequest request, CallOptions options);
  /// Gives it back.
  virtual Task<Result<UnlockStatus>> unlock(LockRequest request, CallOptions options);
};

/// A store of locks by name. A cheap value; any thread.
template <class Mode>
class BasicLockStore {
 public:
  /// Over any implementation of the calls.
  BasicLockStore(std::shared_ptr<LockApi> api, std::string name)
      : api_(std::move(api)), name_(std::move(name)) {}

  /// Of the component.
  const std::string& name() const noexcept { return name_; }

  /// True when `owner` has the lock now, false when someone has it: `if (lock.try_lock(...)
  /// .value_or(false))`; the result itself is no answer to an `if`. It ends after `expiry`, held or
  /// not.
  auto try_lock(
      std::string resource, std::string owner, std::chrono::seconds expiry, CallOptions options = {}
  ) const -> typename Mode::template Return<bool> {
    return Mode::run(
        api_->try_lock({name_, std::move(resource), std::move(owner), expiry}, std::move(options))
    );
  }

  /// Gives a lock back. That it is gone or another's is told by the status, not as an error: ask for
  /// both, the result itself is no answer to an `if`.
  auto unlock(std::string resource, std::string owner, CallOptions options = {}) const ->
      typename Mode::template Return<UnlockStatus> {
    return Mode::run(api_->unlock(
        {name_, std::move(resource), std::move(owner), std::chrono::seconds(0)}, std::move(options)
    ));
  }

 private:
  std::shared_ptr<LockApi> api_;
  std::string name_;
};

using LockStore = BasicLockStore<Async>;

}  // namespace mecha
