// A message that knows whether it was read as a whole. gRPC's callbacks report an answer that they
// could not parse, and one that never came, as success with an empty message, and a stream with
// such a message as one without an end.
#pragma once

#include <grpcpp/impl/codegen/proto_utils.h>

#include "mecha/error.h"

namespace mecha::wire {

template <class Message>
struct Checked {
  Message message;
  bool whole = false;
};

/// The same of a message that is elsewhere.
template <class Message>
struct CheckedAt {
  Message* message;
  bool whole = false;
};

inline Error unreadable() {
  return fail(Code::internal, "the answer of the sidecar is no message of this call");
}

}  // namespace mecha::wire

template <class Message>
class grpc::SerializationTraits<mecha::wire::Checked<Message>> {
 public:
  static grpc::Status Deserialize(grpc::ByteBuffer* bytes, mecha::wire::Checked<Message>* to) {
    to->whole = grpc::SerializationTraits<Message>::Deserialize(bytes, &to->message).ok();
    return grpc::Status::OK;
  }
};

template <class Message>
class grpc::SerializationTraits<mecha::wire::CheckedAt<Message>> {
 public:
  static grpc::Status Deserialize(grpc::ByteBuffer* bytes, mecha::wire::CheckedAt<Message>* to) {
    to->whole = grpc::SerializationTraits<Message>::Deserialize(bytes, to->message).ok();
    return grpc::Status::OK;
  }
};
