// How the capability reaches a provider: look-up, and calls under its policy that are counted. Internal to its files.

#pragma once

#include <functional>
#include <string>
#include <utility>

#include "components/crypto/crypto_provider.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/call/component_call.hpp"

namespace mecha::crypto {

// The provider, as long as the scope's snapshot lives; else the API's error.
Result<CryptoProvider*> find_provider(RequestScope& scope, std::string_view name);
void count_call(RequestScope& scope, std::string_view component, bool success, RequestScope::Clock::time_point begun);

template <class T>
Async<T> call_provider(RequestScope& scope, std::string component, std::function<Async<T>()> operation) {
  const auto begun = RequestScope::Clock::now();
  auto result = co_await call_component<T>(scope, component, ComponentKind::crypto, std::move(operation));
  count_call(scope, component, result.has_value(), begun);
  co_return std::move(result);
}

}  // namespace mecha::crypto
