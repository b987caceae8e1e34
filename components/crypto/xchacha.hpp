// XChaCha20-Poly1305 is ChaCha20-Poly1305 with a key of its own for each nonce of 24 bytes; OpenSSL has only the latter.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace mecha::crypto {

inline constexpr std::size_t kXChaChaNonceBytes = 24;

// Key (32 bytes) and nonce (12 bytes) of the inner cipher, for a key of 32 bytes and a nonce of 24.
std::pair<std::string, std::string> xchacha_inner(std::string_view key, std::string_view nonce);

}  // namespace mecha::crypto
