// What every call over the wire shares: the channel, its stub, the token, the default limit.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "dapr/proto/runtime/v1/dapr.grpc.pb.h"
#include "mecha/connect.h"
#include "mecha/context.h"

namespace mecha::wire {

namespace v1 = dapr::proto::runtime::v1;
namespace common = dapr::proto::common::v1;

/// Immutable after it is made, therefore safe on any thread. Each call keeps it alive.
struct Core {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Dapr::Stub> stub;
  std::string token;
  std::chrono::milliseconds timeout;

  /// Sets deadline, token, trace and metadata of a call. `task` may be null.
  void prepare(grpc::ClientContext& call, const CallOptions& options, const TaskContext* task)
      const;
};

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
