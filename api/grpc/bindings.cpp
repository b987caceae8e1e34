#include "api/grpc/bindings.hpp"

#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/binding.pb.h"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/bindings/output.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
using bindings::OutputBindings;

// Trace and baggage of the call, then what else came with it where the message does not say it already.
void add_context(const GrpcRequest& request, Metadata& metadata) {
  const auto& scope = request.scope;
  if (scope.span.valid()) {
    metadata.try_emplace("traceparent", scope.span.traceparent());
    if (!scope.span.state.empty()) metadata.try_emplace("tracestate", scope.span.state);
  }
  if (!scope.baggage.empty()) metadata["baggage"] = scope.baggage;
  metadata.try_emplace("dapr-authority", request.exchange.request().authority);
  for (const auto& field : request.call.metadata()) {
    if (field.name == "te") continue;
    const auto name = (field.name.starts_with("grpc-") ? "dapr-" : "") + std::string(field.name);
    metadata.try_emplace(name, field.value);
  }
}

Async<pb::InvokeBindingResponse> invoke(OutputBindings& outputs, GrpcRequest& request, pb::InvokeBindingRequest message) {
  describe_component(request, "bindings", message.name());
  bindings::InvokeRequest invoke{
      .operation = std::move(*message.mutable_operation()),
      .data = std::move(*message.mutable_data()),
      .metadata = to_metadata(message.metadata())};
  add_context(request, invoke.metadata);
  auto outcome = co_await outputs.invoke(request.scope, message.name(), std::move(invoke));
  for (const auto& [name, value] : outcome.metadata) request.call.add_header("metadata." + name, value);
  if (outcome.error) co_return fail(*std::move(outcome.error));
  pb::InvokeBindingResponse answer;
  answer.set_data(std::move(outcome.data));
  put_all(*answer.mutable_metadata(), outcome.metadata);
  co_return answer;
}

}  // namespace

std::vector<GrpcMethod> bindings_methods(OutputBindings& outputs) {
  return {unary("InvokeBinding", "bindings.v1", outputs, invoke)};
}

}  // namespace mecha::api
