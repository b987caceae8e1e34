// What every call over the wire shares: the channel, its stub, the token, the default limit.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/impl/rpc_method.h>

#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/connect.h"
#include "mecha/context.h"

namespace mecha::wire {

namespace v1 = dapr::proto::runtime::v1;
namespace common = dapr::proto::common::v1;

/// The methods that the client calls; the names of the service.
#define MECHA_RPCS(X)                                                                            \
  X(InvokeService, NORMAL_RPC)                                                                   \
  X(GetState, NORMAL_RPC)                                                                        \
  X(GetBulkState, NORMAL_RPC) X(SaveState, NORMAL_RPC) X(QueryStateAlpha1, NORMAL_RPC) X(        \
      DeleteState, NORMAL_RPC                                                                    \
  ) X(DeleteBulkState, NORMAL_RPC) X(ExecuteStateTransaction, NORMAL_RPC)                        \
      X(PublishEvent, NORMAL_RPC) X(BulkPublishEvent, NORMAL_RPC)                                \
          X(BulkPublishEventAlpha1, NORMAL_RPC) X(SubscribeTopicEventsAlpha1, BIDI_STREAMING)    \
              X(InvokeBinding, NORMAL_RPC) X(GetSecret, NORMAL_RPC) X(GetBulkSecret, NORMAL_RPC) \
                  X(GetConfiguration, NORMAL_RPC) X(SubscribeConfiguration, SERVER_STREAMING)    \
                      X(UnsubscribeConfiguration, NORMAL_RPC) X(TryLockAlpha1, NORMAL_RPC)       \
                          X(UnlockAlpha1, NORMAL_RPC) X(SubtleGetKeyAlpha1, NORMAL_RPC) \
                              X(SubtleEncryptAlpha1, NORMAL_RPC) X(SubtleDecryptAlpha1, NORMAL_RPC) \
                              X(SubtleWrapKeyAlpha1, NORMAL_RPC) X(SubtleUnwrapKeyAlpha1, NORMAL_RPC) \
                              X(SubtleSignAlpha1, NORMAL_RPC) X(SubtleVerifyAlpha1, NORMAL_RPC) \
                              X(EncryptAlpha1, BIDI_STREAMING)           \
                              X(DecryptAlpha1, BIDI_STREAMING) X(GetMetadata, NORMAL_RPC)        \
                                  X(SetMetadata, NORMAL_RPC) X(Shutdown, NORMAL_RPC)

// clang-format off
#define MECHA_RPC_NAME(Name, Kind) Name,
enum class Rpc : std::size_t { MECHA_RPCS(MECHA_RPC_NAME) };
#undef MECHA_RPC_NAME
// clang-format on

/// Immutable after it is made, therefore safe on any thread. Each call keeps it alive.
struct Core {
  std::shared_ptr<grpc::Channel> channel;
  std::vector<grpc::internal::RpcMethod>
      methods;  ///< Registered with the channel, in the order of Rpc.
  std::string token;
  std::chrono::milliseconds timeout;

  const grpc::internal::RpcMethod& method(Rpc rpc) const {
    return methods[static_cast<std::size_t>(rpc)];
  }

  /// Sets deadline, token, trace and metadata of a call, or says what of them cannot be sent; then
  /// the call must not be made. `task` may be null.
  std::optional<Error> prepare(
      grpc::ClientContext& call, const CallOptions& options, const TaskContext* task
  ) const;
};

/// Leaves out what cannot be sent.
void add_trace(grpc::ClientContext& call, const TraceContext& trace);

/// The error that a status means; the status is not OK.
Error to_error(const grpc::Status& status);

template <class Map>
void fill(Map& to, Metadata&& from) {
  for (auto& [key, value] : from) to[key] = std::move(value);
}
template <class Map>
Metadata take_map(Map& from) {
  Metadata to;
  for (auto& [key, value] : from) to.emplace(key, std::move(value));
  return to;
}

}  // namespace mecha::wire
