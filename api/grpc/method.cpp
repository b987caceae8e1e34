#include "api/grpc/method.hpp"

#include "api/grpc/message.hpp"
#include "runtime/app/application.hpp"

namespace mecha::api {

Async<bool> GrpcRequest::read(google::protobuf::MessageLite& message) {
  MECHA_CO_TRY(const auto bytes, co_await call.read());
  if (!bytes) co_return false;
  if (!message.ParseFromString(*bytes)) {
    co_return fail(Code::internal, "grpc: error unmarshalling request: the bytes are no " + message.GetTypeName());
  }
  co_return true;
}

Async<void> GrpcRequest::write(const google::protobuf::MessageLite& message) {
  const auto bytes = message.SerializeAsString();
  const auto limit = scope.app.info.body_bytes_max;
  if (limit != 0 && bytes.size() > limit) {
    co_return fail(
        Code::resource_exhausted,
        "trying to send message larger than max (" + std::to_string(bytes.size()) + " vs. " + std::to_string(limit) + ")"
    );
  }
  co_return co_await call.write(bytes);
}

Async<void> read_only_message(GrpcRequest& request, google::protobuf::MessageLite& message) {
  MECHA_CO_TRY(const bool there, co_await request.read(message));
  if (!there) co_return fail(Code::internal, "cardinality violation: received no request message from non-client-streaming RPC");
  co_return Result<void>{};
}

void describe_component(GrpcRequest& request, std::string_view system, std::string_view name) {
  auto& span = request.span;
  if (!span.recorded()) return;
  span.set("rpc.service", "Dapr");
  span.set("db.system", std::string(system));
  span.set("db.connection_string", std::string(system));
  span.set("db.statement", std::string(request.call.method()));
  span.set("db.name", std::string(name));
  span.remote(std::string(name));
}

void describe_messages(GrpcRequest& request, std::string_view pubsub) {
  auto& span = request.span;
  if (!span.recorded()) return;
  span.set("rpc.service", "Dapr");
  span.set("messaging.system", "pubsub");
  span.remote(std::string(pubsub));
}

}  // namespace mecha::api
