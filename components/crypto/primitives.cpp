#include "components/crypto/primitives.hpp"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "components/crypto/evp.hpp"
#include "runtime/base/check.hpp"

namespace mecha::crypto {
namespace {

constexpr std::size_t kMacKeyBytes = 32;

const EVP_MD* digest_of(Digest digest) {
  switch (digest) {
    case Digest::sha256: return EVP_sha256();
    case Digest::sha384: return EVP_sha384();
    case Digest::sha512: return EVP_sha512();
    case Digest::sm3: return EVP_sm3();
  }
  return nullptr;
}

const EVP_CIPHER* cipher_of(Aead cipher) {
  switch (cipher) {
    case Aead::aes_128_gcm: return EVP_aes_128_gcm();
    case Aead::aes_192_gcm: return EVP_aes_192_gcm();
    case Aead::aes_256_gcm: return EVP_aes_256_gcm();
    case Aead::chacha20_poly1305: return EVP_chacha20_poly1305();
    case Aead::sm4_ctr_hmac_sm3: return EVP_sm4_ctr();
  }
  return nullptr;
}

int length_of(std::string_view bytes) { return static_cast<int>(bytes.size()); }

// Encrypts or decrypts, without a tag, to `at`.
void cipher_bytes(EVP_CIPHER_CTX* context, std::string_view from, unsigned char* at) {
  int written = 0;
  MECHA_CHECK(from.empty() || EVP_CipherUpdate(context, at, &written, raw(from), length_of(from)) == 1);
}

void add_associated(EVP_CIPHER_CTX* context, std::string_view associated) {
  int written = 0;
  MECHA_CHECK(associated.empty() || EVP_CipherUpdate(context, nullptr, &written, raw(associated), length_of(associated)) == 1);
}

void sm4_ctr(std::string_view key, std::string_view nonce, std::string_view from, unsigned char* at) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::string block(nonce);
  block.append(4, '\0');
  MECHA_CHECK(EVP_CipherInit_ex(context.get(), EVP_sm4_ctr(), nullptr, raw(key.substr(kMacKeyBytes)), raw(block), 1) == 1);
  cipher_bytes(context.get(), from, at);
}

std::string sm3_tag(std::string_view key, std::string_view nonce, std::string_view associated, std::string_view sealed) {
  std::string text(nonce);
  text += associated;
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(associated.size() >> shift);
  text += sealed;
  return hmac(Digest::sm3, key.substr(0, kMacKeyBytes), text).substr(0, kTagBytes);
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  MECHA_CHECK(RAND_bytes(raw(bytes), static_cast<int>(count)) == 1);
  return bytes;
}

std::string hmac(Digest digest, std::string_view key, std::string_view data) {
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  MECHA_CHECK(HMAC(digest_of(digest), key.data(), length_of(key), raw(data), data.size(), raw(mac), &size) != nullptr);
  mac.resize(size);
  return mac;
}

std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info, std::size_t length) {
  // RFC 5869: extract, then expand. An empty salt is 32 zero bytes, which is what HMAC makes of an empty key.
  const std::string extracted = hmac(Digest::sha256, salt, key);
  std::string out, last;
  for (char round = 1; out.size() < length; ++round) {
    last.append(info);
    last += round;
    last = hmac(Digest::sha256, extracted, last);
    out += last;
  }
  out.resize(length);
  return out;
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::size_t key_bytes(Aead cipher) {
  switch (cipher) {
    case Aead::aes_128_gcm: return 16;
    case Aead::aes_192_gcm: return 24;
    case Aead::sm4_ctr_hmac_sm3: return kMacKeyBytes + 16;
    default: return 32;
  }
}

void seal(Aead cipher, std::string_view key, std::string_view nonce, std::string_view associated, std::string_view plain, std::string& out) {
  MECHA_CHECK(key.size() == key_bytes(cipher) && nonce.size() == kNonceBytes);
  const std::size_t begin = out.size();
  out.resize(begin + plain.size() + kTagBytes);
  unsigned char* at = raw(out) + begin;
  if (cipher == Aead::sm4_ctr_hmac_sm3) {
    sm4_ctr(key, nonce, plain, at);
    const auto tag = sm3_tag(key, nonce, associated, std::string_view(out).substr(begin, plain.size()));
    out.replace(begin + plain.size(), kTagBytes, tag);
    return;
  }
  const CipherContext context(EVP_CIPHER_CTX_new());
  MECHA_CHECK(EVP_CipherInit_ex(context.get(), cipher_of(cipher), nullptr, raw(key), raw(nonce), 1) == 1);
  add_associated(context.get(), associated);
  cipher_bytes(context.get(), plain, at);
  int written = 0;
  MECHA_CHECK(EVP_CipherFinal_ex(context.get(), at + plain.size(), &written) == 1);
  MECHA_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, at + plain.size()) == 1);
}

bool open(Aead cipher, std::string_view key, std::string_view nonce, std::string_view associated, std::string_view sealed, std::string& out) {
  MECHA_CHECK(key.size() == key_bytes(cipher) && nonce.size() == kNonceBytes);
  if (sealed.size() < kTagBytes) return false;
  const auto body = sealed.substr(0, sealed.size() - kTagBytes);
  std::string tag(sealed.substr(body.size()));
  const std::size_t begin = out.size();
  if (cipher == Aead::sm4_ctr_hmac_sm3) {
    if (!same_bytes(sm3_tag(key, nonce, associated, body), tag)) return false;
    out.resize(begin + body.size());
    sm4_ctr(key, nonce, body, raw(out) + begin);
    return true;
  }
  const CipherContext context(EVP_CIPHER_CTX_new());
  MECHA_CHECK(EVP_CipherInit_ex(context.get(), cipher_of(cipher), nullptr, raw(key), raw(nonce), 0) == 1);
  add_associated(context.get(), associated);
  out.resize(begin + body.size());
  cipher_bytes(context.get(), body, raw(out) + begin);
  MECHA_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  int written = 0;
  unsigned char rest[16];
  if (EVP_CipherFinal_ex(context.get(), rest, &written) == 1) return true;
  ERR_clear_error();
  out.resize(begin);
  return false;
}

}  // namespace mecha::crypto
