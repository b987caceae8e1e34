// Calls of another application's own gRPC services through the sidecar. This header, unlike the
// others, needs gRPC.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "mecha/connect.h"
#include "mecha/context.h"

namespace mecha {

/// A channel whose calls reach the application `app_id`: make a stub of its service on it, all four
/// kinds of calls work. Each call carries the target and the token of the sidecar; deadline and
/// cancellation are those of the ClientContext, and `options.timeout` is not used. Threads: as
/// grpc::Channel. Fails as `connect` does.
Result<std::shared_ptr<grpc::Channel>> proxy_channel(
    std::string app_id, ClientOptions options = {}
);

/// Lets a call of such a stub belong to a trace, for instance that of `co_await current_context()`.
/// Before the call, on its thread. Parts that cannot be sent are left out, see TraceContext.
void add_trace(grpc::ClientContext& call, const TraceContext& trace);

}  // namespace mecha
