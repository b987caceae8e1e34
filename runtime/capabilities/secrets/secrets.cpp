#include "runtime/capabilities/secrets/secrets.hpp"

#include <algorithm>
#include <utility>

#include "api/errors/component.hpp"
#include "api/errors/secrets.hpp"
#include "runtime/app/application.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/call/component_call.hpp"
#include "runtime/capabilities/call/operation_count.hpp"

namespace mecha::secrets {
namespace {

// The store, as long as the scope's snapshot lives. A store that is not ready does not exist for the API.
Result<SecretStore*> find_store(RequestScope& scope, std::string_view name) {
  const auto& stores = scope.snapshot->secret_stores;
  if (const auto* loaded = find(stores, name); loaded != nullptr && loaded->instance) return loaded->instance.get();
  const bool any = std::ranges::any_of(stores, [](const auto& item) { return item.second.instance != nullptr; });
  return fail(any ? errors::secret_store_not_found(name) : errors::secret_stores_not_configured());
}

OperationCount::Names names(std::string_view store, std::string_view operation) {
  return {Metric::component_secret_count, Metric::component_secret_latencies, store, operation};
}

bool lists(const std::vector<std::string>& names, std::string_view key) {
  return std::ranges::find(names, key) != names.end();
}

}  // namespace

bool may_read(const ConfigurationSpec& configuration, std::string_view store, std::string_view key) {
  const auto scope = std::ranges::find(configuration.secret_scopes, store, &SecretScope::store);
  if (scope == configuration.secret_scopes.end()) return true;
  if (!scope->allowed.empty()) return lists(scope->allowed, key);
  if (lists(scope->denied, key)) return false;
  return !text::equals_nocase(scope->default_access, "deny");
}

Async<std::optional<SecretMap>> SecretsCapability::get(RequestScope& scope, GetRequest request) {
  MECHA_CO_TRY(SecretStore * store, find_store(scope, request.store));
  if (!may_read(scope.snapshot->configuration, request.store, request.key)) {
    co_return fail(errors::secret_denied(request.key, request.store));
  }
  OperationCount count(scope, names(request.store, "get"));
  std::function<Async<std::optional<SecretMap>>()> operation = [&request, store] {
    return store->get(request.key, request.metadata);
  };
  auto secret = count.done(
      co_await call_component<std::optional<SecretMap>>(scope, request.store, ComponentKind::secretstore, std::move(operation))
  );
  if (!secret && errors::is_structured(secret.error())) co_return fail(secret.error());
  if (!secret) co_return fail(errors::secret_get(request.key, request.store, secret.error().message));
  co_return std::move(secret);
}

Async<SecretMaps> SecretsCapability::bulk_get(RequestScope& scope, BulkGetRequest request) {
  MECHA_CO_TRY(SecretStore * store, find_store(scope, request.store));
  OperationCount count(scope, names(request.store, "bulk_get"));
  std::function<Async<SecretMaps>()> operation = [&request, store] { return store->bulk_get(request.metadata); };
  auto all = count.done(co_await call_component<SecretMaps>(scope, request.store, ComponentKind::secretstore, std::move(operation)));
  if (!all && errors::is_structured(all.error())) co_return fail(all.error());
  if (!all) co_return fail(errors::secret_bulk_get(request.store, all.error().message));
  std::erase_if(*all, [&](const auto& item) {
    return !may_read(scope.snapshot->configuration, request.store, item.first);
  });
  co_return std::move(all);
}

}  // namespace mecha::secrets
