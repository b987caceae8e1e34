#include "runtime/capabilities/lock/lock.hpp"

#include <algorithm>

#include "api/errors/lock.hpp"
#include "runtime/app/application.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/call/component_call.hpp"

namespace mecha::lock {
namespace {

constexpr std::string_view kSeparator = "||";

std::unexpected<Error> illegal(std::string_view text) {
  return fail(Code::invalid_argument, "input key/keyPrefix '" + std::string(text) + "' can't contain '||'");
}

// What stands between `lock||` and the resource id, without separator. `namespace` is no strategy here, but a text; so is
// an empty value.
std::optional<std::string> key_prefix(const ComponentSpec& store, std::string_view app_id) {
  const auto item = store.value("keyPrefix");
  const auto strategy = item ? text::lower(*item) : std::string("appid");
  if (strategy == "appid") return app_id.empty() ? std::nullopt : std::optional(std::string(app_id));
  if (strategy == "name") return store.name;
  if (strategy == "none") return std::nullopt;
  return strategy;
}

Result<void> check_loaded(const RequestScope& scope) {
  const auto& stores = scope.snapshot->locks;
  if (std::ranges::any_of(stores, [](const auto& item) { return item.second.instance != nullptr; })) return {};
  return fail(errors::lock_not_configured());
}

// The order of the checks is that of the contract: stores, resource, owner, store.
template <class R>
Result<const Loaded<LockStore>*> find_store(const RequestScope& scope, const R& request) {
  MECHA_TRY_VOID(check_loaded(scope));
  if (request.resource_id.empty()) return fail(errors::lock_resource_empty(request.store));
  if (request.owner.empty()) return fail(errors::lock_owner_empty(request.store));
  const auto* loaded = find(scope.snapshot->locks, request.store);
  if (loaded == nullptr || !loaded->instance) return fail(errors::lock_store_not_found(request.store));
  return loaded;
}

}  // namespace

Result<std::string> lock_key(const ComponentSpec& store, std::string_view app_id, std::string_view resource_id) {
  if (resource_id.find(kSeparator) != std::string_view::npos) return illegal(resource_id);
  std::string key = "lock||";
  if (const auto prefix = key_prefix(store, app_id)) key.append(*prefix).append(kSeparator);
  return key.append(resource_id);
}

Result<void> check_store_spec(const ComponentSpec& store) {
  const auto item = store.value("keyPrefix");
  if (!item || item->find(kSeparator) == std::string_view::npos) return {};
  auto error = illegal(text::lower(*item)).error();
  return fail(std::move(error).context("failed to save lock keyprefix"));
}

Async<bool> LockCapability::try_lock(RequestScope& scope, TryRequest request) {
  if (request.expiry_seconds <= 0) co_return fail(errors::lock_expiry_not_positive(request.store));
  MECHA_CO_TRY(const auto* loaded, find_store(scope, request));
  auto key = lock_key(*loaded->spec, scope.app.info.id, request.resource_id);
  if (!key) co_return fail(errors::try_lock_failed(key.error().message));
  const TryLockRequest wanted{*std::move(key), std::move(request.owner), request.expiry_seconds};
  std::function<Async<bool>()> operation = [&wanted, store = loaded->instance.get()] { return store->try_lock(wanted); };
  auto taken = co_await call_component<bool>(scope, request.store, ComponentKind::lock, std::move(operation));
  if (!taken) co_return fail(errors::try_lock_failed(taken.error().message));
  co_return *taken;
}

Async<UnlockStatus> LockCapability::unlock(RequestScope& scope, ReleaseRequest request) {
  MECHA_CO_TRY(const auto* loaded, find_store(scope, request));
  auto key = lock_key(*loaded->spec, scope.app.info.id, request.resource_id);
  if (!key) co_return fail(errors::unlock_failed(key.error().message));
  const UnlockRequest wanted{*std::move(key), std::move(request.owner)};
  std::function<Async<UnlockStatus>()> operation = [&wanted, store = loaded->instance.get()] { return store->unlock(wanted); };
  auto status = co_await call_component<UnlockStatus>(scope, request.store, ComponentKind::lock, std::move(operation));
  if (!status) co_return fail(errors::unlock_failed(status.error().message));
  co_return *status;
}

}  // namespace mecha::lock
