// The algorithms of the local providers, on keys in memory (contract 02, section 6.5), and our additions SM2, SM4-CBC, SM4KW.
// Pure functions. Failures: "unsupported algorithm", "key type mismatch", "invalid nonce", "invalid tag", and those of the
// computation itself.

#pragma once

#include <string>
#include <string_view>

#include "components/crypto/crypto_provider.hpp"

namespace mecha::crypto {

// For the key of `operation` the caller has found `key`.
Result<Sealed> encrypt_with(const Key& key, const Operation& operation);
Result<std::string> decrypt_with(const Key& key, const Operation& operation);
Result<std::string> sign_with(const Key& key, const Operation& operation);
Result<bool> verify_with(const Key& key, const Operation& operation);

namespace detail {

Error unsupported_algorithm();
Error key_type_mismatch();

// Whether `algorithm` is one of the symmetric or of the RSA and SM2 ciphers.
bool is_symmetric(std::string_view algorithm);
bool is_asymmetric(std::string_view algorithm);

Result<Sealed> encrypt_symmetric(std::string_view key, const Operation& operation);
Result<std::string> decrypt_symmetric(std::string_view key, const Operation& operation);
Result<std::string> encrypt_asymmetric(const Key& key, const Operation& operation);
Result<std::string> decrypt_asymmetric(const Key& key, const Operation& operation);

}  // namespace detail

}  // namespace mecha::crypto
