#include "runtime/capabilities/pubsub/guard.hpp"

#include "runtime/capabilities/call/component_call.hpp"

namespace mecha::pubsub {

Async<void> guard_outbound(RequestScope& scope, std::string component, Operation operation) {
  co_return co_await call_component<void>(scope, component, ComponentKind::pubsub, std::move(operation));
}

// The time of the application is marked by the channel to it, so nothing is marked here.
Async<void> guard_inbound(RequestScope& scope, std::string component, Operation operation) {
  auto policy = scope.snapshot->resiliency->component_policy(component, ComponentKind::pubsub, resilience::Direction::inbound);
  if (policy.empty()) co_return co_await operation();
  co_return co_await resilience::run<void>(scope, std::move(policy), [&operation](int) { return operation(); });
}

}  // namespace mecha::pubsub
