// Which family an algorithm belongs to; encryption and wrapping by it.

#include "components/crypto/algorithms.hpp"

#include "components/crypto/evp.hpp"

namespace mecha::crypto {

namespace detail {

Error unsupported_algorithm() { return {.code = Code::unimplemented, .message = "unsupported algorithm"}; }
Error key_type_mismatch() { return {.code = Code::invalid_argument, .message = "key type mismatch"}; }

}  // namespace detail

Result<Sealed> encrypt_with(const Key& key, const Operation& operation) {
  if (detail::is_symmetric(operation.algorithm)) {
    if (key.type != KeyType::symmetric) return fail(detail::key_type_mismatch());
    return detail::encrypt_symmetric(key.bytes.reveal(), operation);
  }
  if (!detail::is_asymmetric(operation.algorithm)) return fail(detail::unsupported_algorithm());
  MECHA_TRY(auto data, detail::encrypt_asymmetric(key, operation));
  return Sealed{.data = std::move(data)};
}

Result<std::string> decrypt_with(const Key& key, const Operation& operation) {
  if (detail::is_symmetric(operation.algorithm)) {
    if (key.type != KeyType::symmetric) return fail(detail::key_type_mismatch());
    return detail::decrypt_symmetric(key.bytes.reveal(), operation);
  }
  if (!detail::is_asymmetric(operation.algorithm)) return fail(detail::unsupported_algorithm());
  return detail::decrypt_asymmetric(key, operation);
}

}  // namespace mecha::crypto
