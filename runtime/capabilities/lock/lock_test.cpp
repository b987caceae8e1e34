// The lock capability over a store of its own: keys, the order of checks, errors.

#include "runtime/capabilities/lock/lock.hpp"

#include "runtime/app/application.hpp"
#include "runtime/resilience/policies.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::lock;

namespace {

class FakeStore final : public LockStore {
 public:
  Async<bool> try_lock(TryLockRequest request) override {
    if (broken) co_return fail(Code::unavailable, "boom");
    tried = std::move(request);
    co_return free;
  }
  Async<UnlockStatus> unlock(UnlockRequest request) override {
    if (broken) co_return fail(Code::unavailable, "boom");
    released = std::move(request);
    co_return UnlockStatus::lock_belongs_to_others;
  }
  TryLockRequest tried;
  UnlockRequest released;
  bool free = true, broken = false;
};

struct Setup {
  Setup() { snapshot->resiliency = std::make_shared<resilience::Policies>(); }
  void add(const std::string& name, std::shared_ptr<LockStore> instance) {
    snapshot->locks[name] = {.spec = std::make_shared<ComponentSpec>(ComponentSpec{.name = name}), .instance = std::move(instance)};
  }
  Result<bool> take(TryRequest request) {
    RequestScope scope(application, snapshot, Face::http);
    return testing::run(shards.context(0), capability.try_lock(scope, std::move(request)));
  }
  Result<UnlockStatus> release(ReleaseRequest request) {
    RequestScope scope(application, snapshot, Face::http);
    return testing::run(shards.context(0), capability.unlock(scope, std::move(request)));
  }

  Shards shards{1};
  Application application{shards, {.id = "app"}, Log(), nullptr};
  std::shared_ptr<Snapshot> snapshot = std::make_shared<Snapshot>();
  std::shared_ptr<FakeStore> store = std::make_shared<FakeStore>();
  LockCapability capability;
};

template <class T>
std::string told(const Result<T>& result) {
  REQUIRE(!result);
  return std::to_string(result.error().status()) + " " + std::string(result.error().tag) + " " + result.error().message;
}

std::string key(std::string_view prefix, std::string_view app_id = "app") {
  ComponentSpec spec{.name = "Store"};
  if (!prefix.empty()) spec.metadata.push_back({"KEYprefix", std::string(prefix)});
  return lock_key(spec, app_id, "r").value();
}

}  // namespace

TEST_CASE("the key of a lock follows the prefix strategy", "[lock]") {
  CHECK(key("") == "lock||app||r");
  CHECK(key("", "") == "lock||r");
  CHECK(key("APPID") == "lock||app||r");
  CHECK(key("Name") == "lock||Store||r");
  CHECK(key("none") == "lock||r");
  CHECK(key("Own Text") == "lock||own text||r");
  CHECK(key("namespace") == "lock||namespace||r");
  CHECK(lock_key({.name = "s", .metadata = {{"keyPrefix", ""}}}, "app", "r").value() == "lock||||r");
  CHECK(check_store_spec({.name = "s", .metadata = {{"keyPrefix", "none"}}}).has_value());
  const auto refused = check_store_spec({.name = "s", .metadata = {{"keyPrefix", "A||b"}}});
  REQUIRE(!refused);
  CHECK(refused.error().message == "failed to save lock keyprefix: input key/keyPrefix 'a||b' can't contain '||'");
}

TEST_CASE("a lock is asked for under its full key", "[lock]") {
  Setup setup;
  setup.add("lock", setup.store);
  CHECK(setup.take({"lock", "r", "me", 7}) == true);
  CHECK(setup.store->tried.key == "lock||app||r");
  CHECK(setup.store->tried.owner == "me");
  CHECK(setup.store->tried.expiry_seconds == 7);
  setup.store->free = false;
  CHECK(setup.take({"lock", "r", "me", 7}) == false);
  CHECK(setup.release({"lock", "r", "me"}) == UnlockStatus::lock_belongs_to_others);
  CHECK(setup.store->released.key == "lock||app||r");
}

TEST_CASE("requests for locks are checked in the order of the contract", "[lock]") {
  Setup setup;
  CHECK(told(setup.take({"lock", "", "", 0})) == "400 ERR_MALFORMED_REQUEST ExpiryInSeconds is not positive in lock store lock");
  CHECK(told(setup.take({"lock", "", "", 1})) == "500 ERR_LOCK_STORE_NOT_CONFIGURED lock store is not configured");
  CHECK(told(setup.release({"lock", "", ""})) == "500 ERR_LOCK_STORE_NOT_CONFIGURED lock store is not configured");
  setup.add("lock", setup.store);
  setup.add("failed", nullptr);
  CHECK(told(setup.take({"nope", "", "", 1})) == "400 ERR_MALFORMED_REQUEST ResourceId is empty in lock store nope");
  CHECK(told(setup.take({"nope", "r", "", 1})) == "400 ERR_MALFORMED_REQUEST LockOwner is empty in lock store nope");
  CHECK(told(setup.take({"nope", "r", "o", 1})) == "400 ERR_LOCK_STORE_NOT_FOUND lock store nope not found");
  CHECK(told(setup.release({"failed", "r", "o"})) == "400 ERR_LOCK_STORE_NOT_FOUND lock store failed not found");
  CHECK(
      told(setup.take({"lock", "a||b", "o", 1})) ==
      "500 ERR_TRY_LOCK failed to try acquiring lock: input key/keyPrefix 'a||b' can't contain '||'"
  );
  setup.store->broken = true;
  CHECK(told(setup.take({"lock", "r", "o", 1})) == "500 ERR_TRY_LOCK failed to try acquiring lock: boom");
  CHECK(told(setup.release({"lock", "r", "o"})) == "500 ERR_UNLOCK failed to release lock: boom");
}
