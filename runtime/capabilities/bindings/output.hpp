// Output bindings: operations that the application asks for (contract 03, 5.1). Stateless: any
// shard.

#pragma once

#include "components/bindings/binding.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::bindings {

class OutputBindings {
 public:
  // The error of the outcome is ERR_INVOKE_OUTPUT_BINDING with the cause; metadata of the component
  // stays with it.
  asio::awaitable<InvokeOutcome> invoke(
      RequestScope& scope, std::string name, InvokeRequest request
  ) const;
};

}  // namespace mecha::bindings
