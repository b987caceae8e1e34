// call_component: one operation on a component, under its outbound policy, with the time marked.

#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "runtime/app/snapshot.hpp"
#include "runtime/resilience/run.hpp"

namespace mecha {

// One attempt. The timer counts the component's time only, so that waits between attempts are the
// resilience's.
template <class T>
Async<T> timed_component_call(RequestScope& scope, const std::function<Async<T>()>& operation) {
  const MarkTimer timer(scope, Mark::component);
  co_return co_await operation();
}

// `operation` may be a lambda that captures what outlives the call: it is kept until the last
// attempt has ended. It must make a fresh attempt each time, and end when it is cancelled.
template <class T>
Async<T> call_component(
    RequestScope& scope,
    std::string_view component,
    ComponentKind kind,
    std::function<Async<T>()> operation,
    resilience::Direction direction = resilience::Direction::outbound
) {
  resilience::Policy policy =
      scope.snapshot->resiliency->component_policy(component, kind, direction);
  if (policy.empty()) {
    const MarkTimer timer(scope, Mark::component);
    co_return co_await operation();
  }
  std::function<Async<T>(int)> attempt = [&scope, &operation](int) {
    return timed_component_call<T>(scope, operation);
  };
  co_return co_await resilience::run<T>(scope, std::move(policy), std::move(attempt));
}

}  // namespace mecha
