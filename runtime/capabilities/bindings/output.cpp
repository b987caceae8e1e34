#include "runtime/capabilities/bindings/output.hpp"

#include <algorithm>

#include "api/errors/bindings.hpp"
#include "api/errors/component.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/call/component_call.hpp"
#include "runtime/capabilities/call/operation_count.hpp"

namespace mecha::bindings {
namespace {

InvokeOutcome failed(const std::string& name, std::string_view cause) {
  return failure(errors::output_binding(name, cause));
}

}  // namespace

asio::awaitable<InvokeOutcome> OutputBindings::invoke(
    RequestScope& scope, std::string name, InvokeRequest request
) const {
  OperationCount count(scope, {Metric::component_output_binding_count, Metric::component_output_binding_latencies, name, request.operation});
  if (request.operation.empty()) co_return failed(name, "operation field is missing from request");
  const auto* loaded = find(scope.snapshot->output_bindings, name);
  if (loaded == nullptr || loaded->instance == nullptr) {
    co_return failed(name, errors::output_binding_missing(name));
  }
  auto& binding = *loaded->instance;
  const auto operations = binding.operations();
  if (std::ranges::find(operations, request.operation) == operations.end()) {
    co_return failed(name, errors::operation_not_supported(name, request.operation, operations));
  }
  InvokeOutcome last;
  const auto attempt = [&]() -> Async<bool> {
    last = {};  // an attempt that is cancelled leaves nothing of the one before
    last = co_await binding.invoke(request);
    if (last.error) co_return fail(*last.error);
    co_return true;
  };
  const auto done = count.done(co_await call_component<bool>(scope, name, ComponentKind::binding, attempt));
  if (!done) last.error = errors::is_structured(done.error()) ? done.error() : errors::output_binding(name, done.error().message);
  co_return last;
}

}  // namespace mecha::bindings
