#include "api/grpc/crypto.hpp"

#include <chrono>
#include <utility>

#include "api/errors/common.hpp"
#include "api/errors/crypto.hpp"
#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/crypto.pb.h"
#include "runtime/async/within.hpp"
#include "runtime/capabilities/crypto/crypto.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
using crypto::CryptoCapability;
using crypto::Operation;
using crypto::SubtleKind;
using namespace std::chrono_literals;

constexpr auto kFirstMessage = 5s;

// The first message, which holds the options and may hold data.
template <class Q>
Async<Q> first_message(GrpcRequest& request) {
  Q message;
  const auto there = co_await within(kFirstMessage, request.read(message));
  if (!there && there.error().code == Code::deadline_exceeded) {
    co_return fail(errors::bad_request_error("error waiting for first message: context deadline exceeded"));
  }
  if (!there) co_return fail(there.error());
  if (!*there) co_return fail(errors::crypto("error receiving the first message: EOF"));
  if (!message.has_options()) {
    co_return fail(errors::bad_request_error("first message does not contain the required options"));
  }
  co_return std::move(message);
}

// The payloads of the client's messages, from the first one on, as one body.
template <class Q>
class PayloadReader final : public net::BodyReader {
 public:
  PayloadReader(GrpcRequest& request, Q first) : request_(request), message_(std::move(first)) {}

  Async<std::string_view> read() override {
    for (;; is_first_ = false) {
      if (!is_first_) {
        message_.Clear();
        MECHA_CO_TRY(const bool there, co_await request_.read(message_));
        if (!there) co_return std::string_view{};
        if (message_.has_options()) co_return fail(errors::crypto("options found in non-leading message"));
      }
      if (!message_.has_payload()) continue;
      const auto number = message_.payload().seq();
      if (number != expected_) co_return fail(out_of_order(number));
      ++expected_;
      if (message_.payload().data().empty()) continue;
      is_first_ = false;
      co_return std::string_view(message_.payload().data());
    }
  }

 private:
  Error out_of_order(std::uint64_t number) const {
    return errors::crypto(
        "invalid sequence number received: " + std::to_string(number) + " (expected: " + std::to_string(expected_) + ")"
    );
  }

  GrpcRequest& request_;
  Q message_;
  std::uint64_t expected_ = 0;
  bool is_first_ = true;
};

// One message for each piece.
template <class A>
class PayloadSink final : public crypto::ByteSink {
 public:
  explicit PayloadSink(GrpcRequest& request) : request_(request) {}

  Async<void> write(std::string piece) override {
    A message;
    message.mutable_payload()->set_data(std::move(piece));
    message.mutable_payload()->set_seq(next_++);
    co_return co_await request_.write(message);
  }

 private:
  GrpcRequest& request_;
  std::uint64_t next_ = 0;
};

// A failure in the middle of a document has no code of its own; what the connection says keeps its own.
Result<void> worded(Result<void> done) {
  if (done || !done.error().tag.empty() || done.error().code != Code::internal) return done;
  return fail(errors::crypto(done.error().message));
}

Async<void> encrypt(CryptoCapability& capability, GrpcRequest& request) {
  MECHA_CO_TRY(auto first, co_await first_message<pb::EncryptRequest>(request));
  const auto& options = first.options();
  if (options.key_name().empty()) co_return fail(errors::crypto_property_missing("keyName"));
  if (options.key_wrap_algorithm().empty()) co_return fail(errors::crypto_property_missing("keyWrapAlgorithm"));
  crypto::EncryptRequest wanted{
      .component = options.component_name(),
      .key = options.key_name(),
      .algorithm = options.key_wrap_algorithm(),
      .cipher = options.data_encryption_cipher(),
      .decryption_key = options.decryption_key_name(),
      .omits_key = options.omit_decryption_key_name(),
  };
  PayloadReader<pb::EncryptRequest> in(request, std::move(first));
  PayloadSink<pb::EncryptResponse> out(request);
  co_return worded(co_await capability.encrypt(request.scope, std::move(wanted), in, out));
}

Async<void> decrypt(CryptoCapability& capability, GrpcRequest& request) {
  MECHA_CO_TRY(auto first, co_await first_message<pb::DecryptRequest>(request));
  crypto::DecryptRequest wanted{.component = first.options().component_name(), .key = first.options().key_name()};
  PayloadReader<pb::DecryptRequest> in(request, std::move(first));
  PayloadSink<pb::DecryptResponse> out(request);
  co_return worded(co_await capability.decrypt(request.scope, std::move(wanted), in, out));
}

// --- single operations: what a message has of an operation, and where the outcome goes -------------------------------------

template <class Q>
Operation operation_of(const Q& message, std::string data) {
  Operation operation{.algorithm = message.algorithm(), .key = message.key_name(), .data = std::move(data)};
  if constexpr (requires { message.nonce(); }) operation.nonce = message.nonce();
  if constexpr (requires { message.tag(); }) operation.tag = message.tag();
  if constexpr (requires { message.associated_data(); }) operation.associated_data = message.associated_data();
  if constexpr (requires { message.signature(); }) operation.signature = message.signature();
  return operation;
}

Async<pb::SubtleGetKeyResponse> get_key(CryptoCapability& capability, GrpcRequest& request, pb::SubtleGetKeyRequest message) {
  MECHA_CO_TRY(
      auto key,
      co_await capability.subtle_key(request.scope, message.component_name(), message.name(), message.format())
  );
  pb::SubtleGetKeyResponse answer;
  answer.set_name(message.name());
  answer.set_public_key(std::move(key));
  co_return answer;
}

template <class Q>
Async<crypto::SubtleAnswer> perform(
    CryptoCapability& capability, GrpcRequest& request, SubtleKind kind, const Q& message, const std::string& data
) {
  return capability.subtle(request.scope, kind, message.component_name(), operation_of(message, data));
}

Async<pb::SubtleEncryptResponse> subtle_encrypt(
    CryptoCapability& capability, GrpcRequest& request, pb::SubtleEncryptRequest message
) {
  MECHA_CO_TRY(auto done, co_await perform(capability, request, SubtleKind::encrypt, message, message.plaintext()));
  pb::SubtleEncryptResponse answer;
  answer.set_ciphertext(std::move(done.data));
  answer.set_tag(std::move(done.tag));
  co_return answer;
}

Async<pb::SubtleDecryptResponse> subtle_decrypt(
    CryptoCapability& capability, GrpcRequest& request, pb::SubtleDecryptRequest message
) {
  MECHA_CO_TRY(auto done, co_await perform(capability, request, SubtleKind::decrypt, message, message.ciphertext()));
  pb::SubtleDecryptResponse answer;
  answer.set_plaintext(std::move(done.data));
  co_return answer;
}

Async<pb::SubtleWrapKeyResponse> wrap_key(
    CryptoCapability& capability, GrpcRequest& request, pb::SubtleWrapKeyRequest message
) {
  MECHA_CO_TRY(auto done, co_await perform(capability, request, SubtleKind::wrap_key, message, message.plaintext_key()));
  pb::SubtleWrapKeyResponse answer;
  answer.set_wrapped_key(std::move(done.data));
  answer.set_tag(std::move(done.tag));
  co_return answer;
}

Async<pb::SubtleUnwrapKeyResponse> unwrap_key(
    CryptoCapability& capability, GrpcRequest& request, pb::SubtleUnwrapKeyRequest message
) {
  MECHA_CO_TRY(auto done, co_await perform(capability, request, SubtleKind::unwrap_key, message, message.wrapped_key()));
  pb::SubtleUnwrapKeyResponse answer;
  answer.set_plaintext_key(std::move(done.data));
  co_return answer;
}

Async<pb::SubtleSignResponse> sign(CryptoCapability& capability, GrpcRequest& request, pb::SubtleSignRequest message) {
  MECHA_CO_TRY(auto done, co_await perform(capability, request, SubtleKind::sign, message, message.digest()));
  pb::SubtleSignResponse answer;
  answer.set_signature(std::move(done.data));
  co_return answer;
}

Async<pb::SubtleVerifyResponse> verify(CryptoCapability& capability, GrpcRequest& request, pb::SubtleVerifyRequest message) {
  MECHA_CO_TRY(const auto done, co_await perform(capability, request, SubtleKind::verify, message, message.digest()));
  pb::SubtleVerifyResponse answer;
  answer.set_valid(done.is_valid);
  co_return answer;
}

}  // namespace

std::vector<GrpcMethod> crypto_methods(CryptoCapability& capability) {
  const auto* const group = "subtlecrypto.v1alpha1";
  return {
      streaming("EncryptAlpha1", "crypto.v1alpha1", capability, encrypt),
      streaming("DecryptAlpha1", "crypto.v1alpha1", capability, decrypt),
      unary("SubtleGetKeyAlpha1", group, capability, get_key),
      unary("SubtleEncryptAlpha1", group, capability, subtle_encrypt),
      unary("SubtleDecryptAlpha1", group, capability, subtle_decrypt),
      unary("SubtleWrapKeyAlpha1", group, capability, wrap_key),
      unary("SubtleUnwrapKeyAlpha1", group, capability, unwrap_key),
      unary("SubtleSignAlpha1", group, capability, sign),
      unary("SubtleVerifyAlpha1", group, capability, verify),
  };
}

}  // namespace mecha::api
