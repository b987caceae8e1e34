#include "runtime/capabilities/secrets/secrets.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "api/errors/component.hpp"
#include "api/errors/secrets.hpp"
#include "runtime/app/application.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/call/component_call.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace mecha::secrets {
namespace {

// The store, as long as the scope's snapshot lives. A store that is not ready does not exist for the API.
Result<SecretStore*> find_store(RequestScope& scope, std::string_view name) {
  const auto& stores = scope.snapshot->secret_stores;
  if (const auto* loaded = find(stores, name); loaded != nullptr && loaded->instance) return loaded->instance.get();
  const bool any = std::ranges::any_of(stores, [](const auto& item) { return item.second.instance != nullptr; });
  return fail(any ? errors::secret_store_not_found(name) : errors::secret_stores_not_configured());
}

// component_secret_count and _latencies of one operation.
class Meter {
 public:
  Meter(RequestScope& scope, std::string_view store, std::string_view operation)
      : scope_(scope), store_(store), operation_(operation), begun_(RequestScope::Clock::now()) {}

  void done(bool success) const {
    const auto time = milliseconds_since(begun_);
    const std::string_view outcome = success ? "true" : "false";
    auto& metrics = *scope_.app.metrics;
    const std::string_view space = scope_.app.info.name_space;
    metrics.count(Metric::component_secret_count, {store_, space, operation_, outcome});
    metrics.observe(Metric::component_secret_latencies, {store_, space, operation_, outcome}, time);
  }

 private:
  RequestScope& scope_;
  std::string_view store_, operation_;
  RequestScope::Clock::time_point begun_;
};

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
  const Meter meter(scope, request.store, "get");
  std::function<Async<std::optional<SecretMap>>()> operation = [&request, store] {
    return store->get(request.key, request.metadata);
  };
  auto secret =
      co_await call_component<std::optional<SecretMap>>(scope, request.store, ComponentKind::secretstore, std::move(operation));
  meter.done(secret.has_value());
  if (!secret && errors::is_structured(secret.error())) co_return fail(secret.error());
  if (!secret) co_return fail(errors::secret_get(request.key, request.store, secret.error().message));
  co_return std::move(secret);
}

Async<SecretMaps> SecretsCapability::bulk_get(RequestScope& scope, BulkGetRequest request) {
  MECHA_CO_TRY(SecretStore * store, find_store(scope, request.store));
  const Meter meter(scope, request.store, "bulk_get");
  std::function<Async<SecretMaps>()> operation = [&request, store] { return store->bulk_get(request.metadata); };
  auto all = co_await call_component<SecretMaps>(scope, request.store, ComponentKind::secretstore, std::move(operation));
  meter.done(all.has_value());
  if (!all && errors::is_structured(all.error())) co_return fail(all.error());
  if (!all) co_return fail(errors::secret_bulk_get(request.store, all.error().message));
  std::erase_if(*all, [&](const auto& item) {
    return !may_read(scope.snapshot->configuration, request.store, item.first);
  });
  co_return std::move(all);
}

}  // namespace mecha::secrets
