// The two doors of this capability to resilience: calls to the broker, and calls that a message makes into the application.

#pragma once

#include <functional>
#include <string>

#include "runtime/async/async.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::pubsub {

using Operation = std::function<Async<void>()>;  // no coroutine itself: it starts one with values

// Policies `components.<component>.outbound` and `.inbound`; without any the operation runs once.
Async<void> guard_outbound(RequestScope& scope, std::string component, Operation operation);
Async<void> guard_inbound(RequestScope& scope, std::string component, Operation operation);

}  // namespace mecha::pubsub
