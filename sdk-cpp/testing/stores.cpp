// Bindings, secrets and locks in memory.

#include "testing/fake_api.h"

namespace mecha::testing::detail {
namespace {

Result<void> check_store(const Hub& hub, const std::string& store) {
  switch (hub.known("secretstores", store)) {
    case Hub::Known::yes: return {};
    case Hub::Known::no:
      return mecha::fail(Code::invalid_argument, "failed finding secret store with key " + store);
    case Hub::Known::none: break;
  }
  return mecha::fail(Code::failed_precondition, "secret store is not configured");
}

Result<Secret> secret_of(const Hub& hub, const GetSecretRequest& request) {
  if (auto there = check_store(hub, request.store); !there) return std::move(there).error();
  if (hub.denied.contains({request.store, request.key})) {
    return mecha::fail(
        Code::permission_denied,
        "access denied by policy to get \"" + request.key + "\" from \"" + request.store + "\""
    );
  }
  if (const auto store = hub.secrets.find(request.store); store != hub.secrets.end()) {
    if (const auto found = store->second.find(request.key); found != store->second.end())
      return found->second;
  }
  return mecha::fail(
      Code::internal,
      "failed getting secret with key " + request.key + " from secret store " + request.store +
          ": secret " + request.key + " not found"
  );
}

Result<Secrets> secrets_of(const Hub& hub, const std::string& store) {
  if (auto there = check_store(hub, store); !there) return std::move(there).error();
  Secrets to;
  if (const auto found = hub.secrets.find(store); found != hub.secrets.end()) to = found->second;
  std::erase_if(to, [&](const auto& secret) { return hub.denied.contains({store, secret.first}); });
  return to;
}

Error wrong_field(const char* what, const std::string& store) {
  return mecha::fail(Code::invalid_argument, std::string(what) + " in lock store " + store);
}

// The order of the checks is that of a sidecar: stores, resource, owner, store, key.
Result<void> check_lock(const Hub& hub, const LockRequest& request, const char* action) {
  const auto known = hub.known("lock", request.store);
  if (known == Hub::Known::none)
    return mecha::fail(Code::failed_precondition, "lock store is not configured");
  if (request.resource.empty()) return wrong_field("ResourceId is empty", request.store);
  if (request.owner.empty()) return wrong_field("LockOwner is empty", request.store);
  if (known == Hub::Known::no) {
    return mecha::fail(Code::invalid_argument, "lock store " + request.store + " not found");
  }
  if (request.resource.find("||") == std::string::npos) return {};
  return mecha::fail(
      Code::internal,
      std::string("failed to ") + action + ": input key/keyPrefix '" + request.resource +
          "' can't contain '||'"
  );
}

Error binding_failed(const std::string& binding, const std::string& cause) {
  return detailed(
      Code::internal,
      "error invoking output binding " + binding + ": " + cause,
      {"ERR_INVOKE_OUTPUT_BINDING"}
  );
}

}  // namespace

Task<Result<BindingResponse>> FakeApi::invoke_binding(BindingRequest request, CallOptions options) {
  Site site{Call::invoke_binding, request.binding, {request.operation}};
  return run<BindingResponse>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) -> Result<BindingResponse> {
        BindingHandler answer;
        {
          const std::lock_guard lock(hub.mutex);
          if (request.operation.empty())
            return binding_failed(request.binding, "operation field is missing from request");
          if (hub.known("bindings", request.binding) != Hub::Known::yes) {
            return binding_failed(
                request.binding, "couldn't find output binding " + request.binding
            );
          }
          hub.bound.push_back(request);
          const auto found = hub.operations.find({request.binding, request.operation});
          if (found != hub.operations.end()) answer = found->second;
        }
        return answer ? answer(request) : BindingResponse{};
      }
  );
}

Task<Result<Secret>> FakeApi::get_secret(GetSecretRequest request, CallOptions options) {
  Site site{Call::get_secret, request.store, {request.key}};
  return run<Secret>(
      hub_, std::move(site), std::move(options), [request = std::move(request)](Hub& hub) {
        const std::lock_guard lock(hub.mutex);
        return secret_of(hub, request);
      }
  );
}

Task<Result<Secrets>> FakeApi::get_all_secrets(GetSecretRequest request, CallOptions options) {
  Site site{Call::get_all_secrets, request.store, {}};
  return run<Secrets>(
      hub_, std::move(site), std::move(options), [request = std::move(request)](Hub& hub) {
        const std::lock_guard lock(hub.mutex);
        return secrets_of(hub, request.store);
      }
  );
}

Task<Result<bool>> FakeApi::try_lock(LockRequest request, CallOptions options) {
  Site site{Call::try_lock, request.store, {request.resource}};
  return run<bool>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) -> Result<bool> {
        const std::lock_guard lock(hub.mutex);
        if (request.expiry.count() <= 0)
          return wrong_field("ExpiryInSeconds is not positive", request.store);
        if (auto checked = check_lock(hub, request, "try acquiring lock"); !checked)
          return std::move(checked).error();
        auto& lock_entry = hub.locks[{request.store, request.resource}];
        if (!lock_entry.owner.empty() && lock_entry.expires > hub.now) return false;
        lock_entry = {request.owner, hub.now + request.expiry};
        return true;
      }
  );
}

Task<Result<UnlockStatus>> FakeApi::unlock(LockRequest request, CallOptions options) {
  Site site{Call::unlock, request.store, {request.resource}};
  return run<UnlockStatus>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) -> Result<UnlockStatus> {
        const std::lock_guard lock(hub.mutex);
        if (auto checked = check_lock(hub, request, "release lock"); !checked)
          return std::move(checked).error();
        const auto found = hub.locks.find({request.store, request.resource});
        if (found == hub.locks.end() || found->second.expires <= hub.now)
          return UnlockStatus::does_not_exist;
        if (found->second.owner != request.owner) return UnlockStatus::belongs_to_others;
        hub.locks.erase(found);
        return UnlockStatus::success;
      }
  );
}

}  // namespace mecha::testing::detail
