// How a capability's gRPC face is written: a table of methods, each with a handler that translates messages.
//
// The server (api/grpc/server) finds the method, opens the RequestScope, and runs allow lists, token, tracing, metrics and
// logging around the handler (contract 01, 1.8 and 1.9; 04a). A handler ends with OK when it returns, and with the status of
// its Error when it fails; it may also end the call by itself.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/net/grpc.hpp"
#include "runtime/telemetry/request_scope.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace google::protobuf {
class MessageLite;
}

namespace mecha::api {

inline constexpr std::string_view kDapr = "/dapr.proto.runtime.v1.Dapr/";

struct GrpcRequest {
  RequestScope& scope;
  net::grpc::ServerCall& call;
  net::Exchange& exchange;
  trace::Span& span;

  // The next message of the client; false: it has sent its last. One reader at a time.
  Async<bool> read(google::protobuf::MessageLite& message);
  // Fails with resource_exhausted for a message over the server's limit. One writer at a time.
  Async<void> write(const google::protobuf::MessageLite& message);
};

using GrpcHandler = std::function<Async<void>(GrpcRequest&)>;

struct GrpcMethod {
  std::string path;   // "/dapr.proto.runtime.v1.Dapr/GetState"
  std::string group;  // of allow and deny lists: "state.v1"; empty: not concerned
  GrpcHandler handler;
  bool streams = false;  // in one direction or both
};

}  // namespace mecha::api
