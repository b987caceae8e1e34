// What every lock store keeps (contract 02, section 5). Keys begin with `prefix`, so that a shared server may be used.

#pragma once

#include <string>

#include "components/lock/lock_store.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/stage.hpp"

namespace mecha::conformance {

inline void lock_store(Stage& stage, lock::LockStore& store, const std::string& prefix) {
  using lock::UnlockStatus;
  const auto take = [&](const std::string& id, const std::string& owner, int seconds = 60) {
    const auto taken = stage.run(store.try_lock({.key = prefix + id, .owner = owner, .expiry_seconds = seconds}));
    INFO((taken ? "" : taken.error().message));
    REQUIRE(taken);
    return *taken;
  };
  const auto release = [&](const std::string& id, const std::string& owner) {
    const auto released = stage.run(store.unlock({.key = prefix + id, .owner = owner}));
    INFO((released ? "" : released.error().message));
    REQUIRE(released);
    return *released;
  };

  CHECK(take("one", "me"));
  CHECK_FALSE(take("one", "me"));
  CHECK_FALSE(take("one", "you"));
  CHECK(take("two", "you"));
  CHECK(release("one", "you") == UnlockStatus::lock_belongs_to_others);
  CHECK_FALSE(take("one", "you"));
  CHECK(release("one", "me") == UnlockStatus::success);
  CHECK(release("one", "me") == UnlockStatus::lock_does_not_exist);
  CHECK(take("one", "you"));
  CHECK(release("one", "you") == UnlockStatus::success);
  CHECK(release("two", "you") == UnlockStatus::success);
  CHECK(take("\xC3\xBC / x", "<\xC3\xB6>"));
  CHECK(release("\xC3\xBC / x", "<\xC3\xB6>") == UnlockStatus::success);
}

// A lock is free when its time is over; takes a second.
inline void lock_store_expiry(Stage& stage, lock::LockStore& store, const std::string& prefix) {
  const auto status = [&] { return stage.run(store.unlock({.key = prefix + "short", .owner = "other"})); };
  REQUIRE(stage.run(store.try_lock({.key = prefix + "short", .owner = "me", .expiry_seconds = 1})));
  REQUIRE(status() == lock::UnlockStatus::lock_belongs_to_others);
  CHECK(testing::eventually([&] { return status() == lock::UnlockStatus::lock_does_not_exist; }));
}

}  // namespace mecha::conformance
