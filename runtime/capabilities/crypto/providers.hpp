// How the capability reaches a provider: look-up, and calls under its policy that are counted. Internal to its files.

#pragma once

#include <functional>
#include <string>
#include <utility>

#include "components/crypto/crypto_provider.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/call/component_call.hpp"
#include "runtime/capabilities/call/operation_count.hpp"

namespace mecha::crypto {

// The provider, as long as the scope's snapshot lives; else the API's error.
Result<CryptoProvider*> find_provider(RequestScope& scope, std::string_view name);

template <class T>
Async<T> call_provider(RequestScope& scope, std::string component, std::function<Async<T>()> operation) {
  OperationCount count(scope, {Metric::component_crypto_count, Metric::component_crypto_latencies, component, "crypto_op"});
  co_return count.done(co_await call_component<T>(scope, component, ComponentKind::crypto, std::move(operation)));
}

}  // namespace mecha::crypto
