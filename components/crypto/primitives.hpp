// The few building blocks of the document format (contract 02, section 6.3) and of spooling: key derivation, message
// authentication, authenticated ciphers. No vendor types. Lengths that do not fit are bugs of the caller.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::crypto {

enum class Digest : std::uint8_t { sha256, sha384, sha512, sm3 };

std::string random_bytes(std::size_t count);
std::string hmac(Digest digest, std::string_view key, std::string_view data);
std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info, std::size_t length);
// In a time that does not tell where they differ.
bool same_bytes(std::string_view a, std::string_view b);

// Authenticated ciphers with a nonce of 12 bytes and a tag of 16 that follows the ciphertext.
enum class Aead : std::uint8_t { aes_128_gcm, aes_192_gcm, aes_256_gcm, chacha20_poly1305, sm4_ctr_hmac_sm3 };
inline constexpr std::size_t kNonceBytes = 12, kTagBytes = 16;

// sm4_ctr_hmac_sm3 is ours: the first 32 bytes of the key authenticate, the last 16 encrypt; the counter block is the nonce
// and a zero number of 32 bits; the tag is the first half of HMAC-SM3 over nonce, associated data, their length in 8 bytes
// and ciphertext.
std::size_t key_bytes(Aead cipher);

// Appends ciphertext and tag to `out`.
void seal(Aead cipher, std::string_view key, std::string_view nonce, std::string_view associated, std::string_view plain, std::string& out);
// Appends the plaintext; false, and `out` as it was, if the tag does not fit.
bool open(Aead cipher, std::string_view key, std::string_view nonce, std::string_view associated, std::string_view sealed, std::string& out);

}  // namespace mecha::crypto
