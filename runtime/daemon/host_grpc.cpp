// Host: the gRPC API, every capability's methods in one table, and reflection of both ports.

#include "api/grpc/bindings.hpp"
#include "api/grpc/configuration.hpp"
#include "api/grpc/crypto.hpp"
#include "api/grpc/invoke.hpp"
#include "api/grpc/lock.hpp"
#include "api/grpc/metadata.hpp"
#include "api/grpc/publish.hpp"
#include "api/grpc/secrets.hpp"
#include "api/grpc/state.hpp"
#include "api/grpc/subscribe.hpp"
#include "api/grpc/unconfigured.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/daemon/host_parts.hpp"

#if __has_include(<google/protobuf/stubs/logging.h>)
#include <google/protobuf/stubs/logging.h>
#endif

namespace mecha {
namespace {

void append(std::vector<api::GrpcMethod>& to, std::vector<api::GrpcMethod> methods) {
  for (auto& method : methods) to.push_back(std::move(method));
}

// The library's complaints of bytes from outside would stand between the lines of the log; their sender is told.
void quiet_messages() {
#if __has_include(<google/protobuf/stubs/logging.h>)
  google::protobuf::SetLogHandler(nullptr);
#endif
}

}  // namespace

void Host::make_grpc_server() {
  quiet_messages();
  const auto& configuration = application_->snapshot()->configuration;
  auto& parts = *parts_;
  api::GrpcServerOptions grpc;
  grpc.api_logging = options_.enable_api_logging.value_or(configuration.api_logging.enabled.value_or(false));
  grpc.message_max = Parts::message_max(settings_);
  grpc.allowed = configuration.api_allowed;
  grpc.denied = configuration.api_denied;
  parts.shutdown = [this](bool force) { ended_.asked(force); };

  std::vector<api::GrpcMethod> methods;
  append(methods, api::unconfigured_methods(*application_));
  append(methods, api::metadata_methods(*application_));
  append(methods, api::shutdown_methods(parts.shutdown));
  append(methods, api::state_methods(parts.state));
  append(methods, api::secrets_methods(parts.secrets));
  append(methods, api::configuration_methods(parts.configurations));
  append(methods, api::lock_methods(parts.locks));
  append(methods, api::publish_methods(parts.publisher));
  append(methods, api::subscribe_methods(parts.streams));
  append(methods, api::bindings_methods(parts.outputs));
  append(methods, api::crypto_methods(parts.crypto));
  append(methods, api::invoke_methods(parts.invocation));
  append(methods, parts.reflection.methods());
  parts.grpc = std::make_unique<api::GrpcServer>(
      *application_, std::move(grpc), std::move(methods), [&proxy = parts.proxy](api::GrpcRequest& request) {
        return proxy.serve(request.scope, request.call, request.exchange);
      }
  );
}

asio::awaitable<void> Host::serve_internal(net::Exchange& exchange) {
  auto& parts = *parts_;
  if (!api::Reflection::serves(exchange.request().path())) co_return co_await parts.peer_server.serve(exchange);
  net::grpc::ServerCall call(exchange, Parts::message_max(settings_));
  const auto answered = co_await parts.internal_reflection.answer(call);
  net::grpc::Status status;
  if (!answered) status = {.code = answered.error().code, .message = answered.error().message};
  (void)co_await call.finish(std::move(status));
}

}  // namespace mecha
