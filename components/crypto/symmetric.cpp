// Symmetric ciphers by name: CBC, GCM, CBC with HMAC (RFC 7518), key wrap (RFC 3394), ChaCha20 and XChaCha20-Poly1305; of
// ours SM4-CBC and SM4KW.

#include <algorithm>
#include <array>

#include <openssl/modes.h>

#include "components/crypto/algorithms.hpp"
#include "components/crypto/evp.hpp"
#include "components/crypto/primitives.hpp"
#include "components/crypto/xchacha.hpp"

namespace mecha::crypto {
namespace {

enum class Mode : std::uint8_t { cbc, cbc_unpadded, aead, xchacha, cbc_hmac, wrap };

struct Cipher {
  std::string_view name;
  Mode mode;
  std::size_t key_bytes;
  const EVP_CIPHER* (*evp)() = nullptr;
  Aead aead = Aead::aes_256_gcm;
  Digest digest = Digest::sha256;
};

constexpr std::array kCiphers{
    Cipher{.name = "A128CBC", .mode = Mode::cbc, .key_bytes = 16, .evp = EVP_aes_128_cbc},
    Cipher{.name = "A192CBC", .mode = Mode::cbc, .key_bytes = 24, .evp = EVP_aes_192_cbc},
    Cipher{.name = "A256CBC", .mode = Mode::cbc, .key_bytes = 32, .evp = EVP_aes_256_cbc},
    Cipher{.name = "SM4-CBC", .mode = Mode::cbc, .key_bytes = 16, .evp = EVP_sm4_cbc},
    Cipher{.name = "A128CBC-NOPAD", .mode = Mode::cbc_unpadded, .key_bytes = 16, .evp = EVP_aes_128_cbc},
    Cipher{.name = "A192CBC-NOPAD", .mode = Mode::cbc_unpadded, .key_bytes = 24, .evp = EVP_aes_192_cbc},
    Cipher{.name = "A256CBC-NOPAD", .mode = Mode::cbc_unpadded, .key_bytes = 32, .evp = EVP_aes_256_cbc},
    Cipher{.name = "A128GCM", .mode = Mode::aead, .key_bytes = 16, .aead = Aead::aes_128_gcm},
    Cipher{.name = "A192GCM", .mode = Mode::aead, .key_bytes = 24, .aead = Aead::aes_192_gcm},
    Cipher{.name = "A256GCM", .mode = Mode::aead, .key_bytes = 32, .aead = Aead::aes_256_gcm},
    Cipher{.name = "SM4-CTR-HSM3", .mode = Mode::aead, .key_bytes = 48, .aead = Aead::sm4_ctr_hmac_sm3},
    Cipher{.name = "C20P", .mode = Mode::aead, .key_bytes = 32, .aead = Aead::chacha20_poly1305},
    Cipher{.name = "C20PKW", .mode = Mode::aead, .key_bytes = 32, .aead = Aead::chacha20_poly1305},
    Cipher{.name = "XC20P", .mode = Mode::xchacha, .key_bytes = 32},
    Cipher{.name = "XC20PKW", .mode = Mode::xchacha, .key_bytes = 32},
    Cipher{.name = "A128CBC-HS256", .mode = Mode::cbc_hmac, .key_bytes = 32, .evp = EVP_aes_128_cbc, .digest = Digest::sha256},
    Cipher{.name = "A192CBC-HS384", .mode = Mode::cbc_hmac, .key_bytes = 48, .evp = EVP_aes_192_cbc, .digest = Digest::sha384},
    Cipher{.name = "A256CBC-HS512", .mode = Mode::cbc_hmac, .key_bytes = 64, .evp = EVP_aes_256_cbc, .digest = Digest::sha512},
    Cipher{.name = "A128KW", .mode = Mode::wrap, .key_bytes = 16, .evp = EVP_aes_128_ecb},
    Cipher{.name = "A192KW", .mode = Mode::wrap, .key_bytes = 24, .evp = EVP_aes_192_ecb},
    Cipher{.name = "A256KW", .mode = Mode::wrap, .key_bytes = 32, .evp = EVP_aes_256_ecb},
    Cipher{.name = "SM4KW", .mode = Mode::wrap, .key_bytes = 16, .evp = EVP_sm4_ecb},
};

constexpr std::size_t kBlockBytes = 16;

const Cipher* find_cipher(std::string_view name) {
  const auto* const it = std::ranges::find(kCiphers, name, &Cipher::name);
  return it == kCiphers.end() ? nullptr : it;
}

std::unexpected<Error> invalid(std::string_view what) { return fail(Code::invalid_argument, "invalid " + std::string(what)); }
// One text for whatever is wrong with a ciphertext, so that nobody learns what it was.
std::unexpected<Error> refused() {
  ERR_clear_error();
  return fail(Code::invalid_argument, "failed to decrypt data");
}

Result<std::string> cbc(const EVP_CIPHER* cipher, std::string_view key, std::string_view nonce, std::string_view data, bool encrypt, bool padded) {
  if (nonce.size() != kBlockBytes) return invalid("nonce");
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string out(data.size() + kBlockBytes, '\0');
  int written = 0;
  int rest = 0;
  const bool done = EVP_CipherInit_ex(context.get(), cipher, nullptr, raw(key), raw(nonce), encrypt ? 1 : 0) == 1 &&
                    EVP_CIPHER_CTX_set_padding(context.get(), padded ? 1 : 0) == 1 &&
                    EVP_CipherUpdate(context.get(), raw(out), &written, raw(data), static_cast<int>(data.size())) == 1 &&
                    EVP_CipherFinal_ex(context.get(), raw(out) + written, &rest) == 1;
  if (!done) return refused();
  out.resize(static_cast<std::size_t>(written + rest));
  return out;
}

// RFC 7518, 5.2.2.1: over associated data, nonce, ciphertext and the bits of the associated data.
std::string mac_of(const Cipher& cipher, const Operation& operation, std::string_view key, std::string_view sealed) {
  std::string text = operation.associated_data + operation.nonce;
  text += sealed;
  const std::uint64_t bits = operation.associated_data.size() * 8;
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bits >> shift);
  const auto half = cipher.key_bytes / 2;
  return hmac(cipher.digest, key.substr(0, half), text).substr(0, half);
}

// AES or SM4 of one block, as CRYPTO_128_wrap calls it; the key is the prepared context.
void one_block(const unsigned char* from, unsigned char* to, const void* context) {
  int written = 0;
  EVP_CipherUpdate(static_cast<EVP_CIPHER_CTX*>(const_cast<void*>(context)), to, &written, from, kBlockBytes);
}

Result<std::string> wrap(const Cipher& cipher, std::string_view key, std::string_view data, bool encrypt) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  if (EVP_CipherInit_ex(context.get(), cipher.evp(), nullptr, raw(key), nullptr, encrypt ? 1 : 0) != 1) return refused();
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  std::string out(data.size() + kBlockBytes, '\0');
  const auto size = encrypt ? CRYPTO_128_wrap(context.get(), nullptr, raw(out), raw(data), data.size(), one_block)
                            : CRYPTO_128_unwrap(context.get(), nullptr, raw(out), raw(data), data.size(), one_block);
  if (size == 0) return encrypt ? Result<std::string>(invalid("length of the key to wrap")) : refused();
  out.resize(size);
  return out;
}

Sealed split(std::string sealed, std::size_t tag_bytes) {
  Sealed parts;
  parts.tag = sealed.substr(sealed.size() - tag_bytes);
  sealed.resize(sealed.size() - tag_bytes);
  parts.data = std::move(sealed);
  return parts;
}

Result<Sealed> seal_xchacha(std::string_view key, const Operation& operation) {
  if (operation.nonce.size() != kXChaChaNonceBytes) return invalid("nonce");
  const auto [inner_key, inner_nonce] = xchacha_inner(key, operation.nonce);
  std::string out;
  seal(Aead::chacha20_poly1305, inner_key, inner_nonce, operation.associated_data, operation.data, out);
  return split(std::move(out), kTagBytes);
}

Result<std::string> open_aead(Aead aead, std::string_view key, std::string_view nonce, const Operation& operation) {
  if (operation.tag.size() != kTagBytes) return invalid("tag");
  std::string out;
  if (!open(aead, key, nonce, operation.associated_data, operation.data + operation.tag, out)) return refused();
  return out;
}

}  // namespace

namespace detail {

bool is_symmetric(std::string_view algorithm) { return find_cipher(algorithm) != nullptr; }

Result<Sealed> encrypt_symmetric(std::string_view key, const Operation& operation) {
  const auto* cipher = find_cipher(operation.algorithm);
  if (cipher == nullptr || cipher->mode == Mode::cbc_unpadded) return fail(unsupported_algorithm());
  if (key.size() != cipher->key_bytes) return fail(key_type_mismatch());
  switch (cipher->mode) {
    case Mode::aead: {
      if (operation.nonce.size() != kNonceBytes) return invalid("nonce");
      std::string out;
      seal(cipher->aead, key, operation.nonce, operation.associated_data, operation.data, out);
      return split(std::move(out), kTagBytes);
    }
    case Mode::xchacha: return seal_xchacha(key, operation);
    case Mode::cbc_hmac: {
      MECHA_TRY(auto data, cbc(cipher->evp(), key.substr(key.size() / 2), operation.nonce, operation.data, true, true));
      auto tag = mac_of(*cipher, operation, key, data);
      return Sealed{.data = std::move(data), .tag = std::move(tag)};
    }
    case Mode::wrap: {
      MECHA_TRY(auto data, wrap(*cipher, key, operation.data, true));
      return Sealed{.data = std::move(data)};
    }
    default: {
      MECHA_TRY(auto data, cbc(cipher->evp(), key, operation.nonce, operation.data, true, true));
      return Sealed{.data = std::move(data)};
    }
  }
}

Result<std::string> decrypt_symmetric(std::string_view key, const Operation& operation) {
  const auto* cipher = find_cipher(operation.algorithm);
  if (cipher == nullptr) return fail(unsupported_algorithm());
  if (key.size() != cipher->key_bytes) return fail(key_type_mismatch());
  switch (cipher->mode) {
    case Mode::aead:
      if (operation.nonce.size() != kNonceBytes) return invalid("nonce");
      return open_aead(cipher->aead, key, operation.nonce, operation);
    case Mode::xchacha: {
      if (operation.nonce.size() != kXChaChaNonceBytes) return invalid("nonce");
      const auto [inner_key, inner_nonce] = xchacha_inner(key, operation.nonce);
      return open_aead(Aead::chacha20_poly1305, inner_key, inner_nonce, operation);
    }
    case Mode::cbc_hmac:
      if (!same_bytes(mac_of(*cipher, operation, key, operation.data), operation.tag)) return refused();
      return cbc(cipher->evp(), key.substr(key.size() / 2), operation.nonce, operation.data, false, true);
    case Mode::wrap: return wrap(*cipher, key, operation.data, false);
    default: return cbc(cipher->evp(), key, operation.nonce, operation.data, false, cipher->mode == Mode::cbc);
  }
}

}  // namespace detail

}  // namespace mecha::crypto
