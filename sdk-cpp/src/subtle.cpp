// Single operations with keys over the wire.

#include <utility>

#include "mecha/crypto.h"
#include "src/remote.h"
#include "src/unary.h"

namespace mecha::wire {
namespace {

Result<Sealed> encrypt_answer(v1::SubtleEncryptResponse& answer, const grpc::ClientContext&) {
  return Sealed{std::move(*answer.mutable_ciphertext()), std::move(*answer.mutable_tag())};
}
Result<std::string> decrypt_answer(v1::SubtleDecryptResponse& answer, const grpc::ClientContext&) {
  return std::move(*answer.mutable_plaintext());
}
Result<Sealed> wrap_key_answer(v1::SubtleWrapKeyResponse& answer, const grpc::ClientContext&) {
  return Sealed{std::move(*answer.mutable_wrapped_key()), std::move(*answer.mutable_tag())};
}
Result<std::string> unwrap_key_answer(v1::SubtleUnwrapKeyResponse& answer, const grpc::ClientContext&) {
  return std::move(*answer.mutable_plaintext_key());
}
Result<std::string> sign_answer(v1::SubtleSignResponse& answer, const grpc::ClientContext&) {
  return std::move(*answer.mutable_signature());
}
Result<bool> verify_answer(v1::SubtleVerifyResponse& answer, const grpc::ClientContext&) {
  return answer.valid();
}
Result<std::string> key_answer(v1::SubtleGetKeyResponse& answer, const grpc::ClientContext&) {
  return std::move(*answer.mutable_public_key());
}

template <class Message>
void fill_operation(Message& to, SubtleRequest& from) {
  to.set_component_name(std::move(from.provider));
  to.set_key_name(std::move(from.key));
  to.set_algorithm(std::move(from.algorithm));
}

}  // namespace

Task<Result<std::string>> Remote::subtle_get_key(
    std::string provider, std::string key, KeyFormat format, CallOptions options
) {
  auto* call = make_unary<std::string>(
      core_,
      MECHA_METHOD(SubtleGetKeyAlpha1, v1::SubtleGetKeyRequest, v1::SubtleGetKeyResponse),
      &key_answer,
      std::move(options)
  );
  call->request.set_component_name(std::move(provider));
  call->request.set_name(std::move(key));
  call->request.set_format(static_cast<v1::SubtleGetKeyRequest_KeyFormat>(format));
  return detail::TaskAccess::make(call);
}

Task<Result<Sealed>> Remote::subtle_encrypt(SubtleRequest request, CallOptions options) {
  auto* call = make_unary<Sealed>(
      core_,
      MECHA_METHOD(SubtleEncryptAlpha1, v1::SubtleEncryptRequest, v1::SubtleEncryptResponse),
      &encrypt_answer,
      std::move(options)
  );
  fill_operation(call->request, request);
  call->request.set_plaintext(std::move(request.data));
  call->request.set_nonce(std::move(request.nonce));
  call->request.set_associated_data(std::move(request.associated_data));
  return detail::TaskAccess::make(call);
}

Task<Result<std::string>> Remote::subtle_decrypt(SubtleRequest request, CallOptions options) {
  auto* call = make_unary<std::string>(
      core_,
      MECHA_METHOD(SubtleDecryptAlpha1, v1::SubtleDecryptRequest, v1::SubtleDecryptResponse),
      &decrypt_answer,
      std::move(options)
  );
  fill_operation(call->request, request);
  call->request.set_ciphertext(std::move(request.data));
  call->request.set_nonce(std::move(request.nonce));
  call->request.set_associated_data(std::move(request.associated_data));
  call->request.set_tag(std::move(request.tag));
  return detail::TaskAccess::make(call);
}

Task<Result<Sealed>> Remote::subtle_wrap_key(SubtleRequest request, CallOptions options) {
  auto* call = make_unary<Sealed>(
      core_,
      MECHA_METHOD(SubtleWrapKeyAlpha1, v1::SubtleWrapKeyRequest, v1::SubtleWrapKeyResponse),
      &wrap_key_answer,
      std::move(options)
  );
  fill_operation(call->request, request);
  call->request.set_plaintext_key(std::move(request.data));
  call->request.set_nonce(std::move(request.nonce));
  call->request.set_associated_data(std::move(request.associated_data));
  return detail::TaskAccess::make(call);
}

Task<Result<std::string>> Remote::subtle_unwrap_key(SubtleRequest request, CallOptions options) {
  auto* call = make_unary<std::string>(
      core_,
      MECHA_METHOD(SubtleUnwrapKeyAlpha1, v1::SubtleUnwrapKeyRequest, v1::SubtleUnwrapKeyResponse),
      &unwrap_key_answer,
      std::move(options)
  );
  fill_operation(call->request, request);
  call->request.set_wrapped_key(std::move(request.data));
  call->request.set_nonce(std::move(request.nonce));
  call->request.set_associated_data(std::move(request.associated_data));
  call->request.set_tag(std::move(request.tag));
  return detail::TaskAccess::make(call);
}

Task<Result<std::string>> Remote::subtle_sign(SubtleRequest request, CallOptions options) {
  auto* call = make_unary<std::string>(
      core_,
      MECHA_METHOD(SubtleSignAlpha1, v1::SubtleSignRequest, v1::SubtleSignResponse),
      &sign_answer,
      std::move(options)
  );
  fill_operation(call->request, request);
  call->request.set_digest(std::move(request.data));
  return detail::TaskAccess::make(call);
}

Task<Result<bool>> Remote::subtle_verify(SubtleRequest request, CallOptions options) {
  auto* call = make_unary<bool>(
      core_,
      MECHA_METHOD(SubtleVerifyAlpha1, v1::SubtleVerifyRequest, v1::SubtleVerifyResponse),
      &verify_answer,
      std::move(options)
  );
  fill_operation(call->request, request);
  call->request.set_digest(std::move(request.data));
  call->request.set_signature(std::move(request.signature));
  return detail::TaskAccess::make(call);
}

}  // namespace mecha::wire
