// One channel that never goes. It leads nowhere: the call that makes it hold the threads fails at
// once.

#include "src/threads.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

namespace mecha::wire {
namespace {

struct Nowhere {
  std::shared_ptr<grpc::Channel> channel = grpc::CreateChannel({}, nullptr);
  grpc::internal::RpcMethod method{"/", grpc::internal::RpcMethod::NORMAL_RPC};
  grpc::ClientContext context;
  grpc::ByteBuffer request, answer;

  Nowhere() {
    const grpc::Slice nothing;
    request = grpc::ByteBuffer(&nothing, 1);
    grpc::internal::CallbackUnaryCall(
        channel.get(), method, &context, &request, &answer, [](const grpc::Status&) {}
    );
  }
};

}  // namespace

void keep_callback_threads() {
  static const auto* const kept = new Nowhere;
  static_cast<void>(kept);
}

}  // namespace mecha::wire
