// The body of a streamed peer request: the payloads of its messages, with the checks of contract 01, 9.3.

#pragma once

#include <string>
#include <utility>

#include "runtime/mesh/peer_codec.hpp"
#include "runtime/net/grpc.hpp"

namespace mecha::mesh {

class RequestBody final : public net::BodyReader {
 public:
  // `first` is the first message; its payload, if it has one, begins the body.
  RequestBody(net::grpc::ServerCall& call, std::string first) : call_(call), message_(std::move(first)) {
    // It was decoded before, so it is well formed.
    const auto decoded = *decode_stream(message_);
    has_pending_ = decoded.has_payload;
    pending_ = decoded.data;
    pending_seq_ = decoded.seq;
  }

  Async<std::string_view> read() override {
    for (;;) {
      if (has_pending_) {
        has_pending_ = false;
        if (pending_seq_ != next_) {
          co_return fail(
              Code::internal,
              "invalid sequence number received: " + std::to_string(pending_seq_) +
                  " (expected: " + std::to_string(next_) + ")"
          );
        }
        ++next_;
        if (!pending_.empty()) co_return pending_;
      }
      if (ended_) co_return std::string_view();
      MECHA_CO_TRY_VOID(co_await fetch());
    }
  }

  // Whether there is nothing (more) to read; waits for the next message to know.
  Async<bool> is_empty() {
    while (!has_pending_ || pending_.empty()) {
      if (ended_) co_return true;
      if (has_pending_) {
        has_pending_ = false;
        ++next_;
      }
      MECHA_CO_TRY_VOID(co_await fetch());
    }
    co_return false;
  }

 private:
  Async<void> fetch() {
    MECHA_CO_TRY(auto message, co_await call_.read());
    if (!message) {
      ended_ = true;
      co_return Result<void>{};
    }
    message_ = std::move(*message);
    MECHA_CO_TRY(const auto decoded, decode_stream(message_));
    if (decoded.head) co_return fail(Code::internal, "request metadata found in non-leading chunk");
    has_pending_ = decoded.has_payload;
    pending_ = decoded.data;
    pending_seq_ = decoded.seq;
    co_return Result<void>{};
  }

  net::grpc::ServerCall& call_;
  std::string message_;
  std::string_view pending_;
  std::uint64_t pending_seq_ = 0, next_ = 0;
  bool has_pending_ = false, ended_ = false;
};

}  // namespace mecha::mesh
