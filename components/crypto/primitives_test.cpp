// Building blocks against published vectors.

#include "components/crypto/primitives.hpp"

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::crypto;

namespace {

std::string bytes(std::string_view hex) { return text::from_hex(hex).value(); }

}  // namespace

TEST_CASE("HKDF and HMAC give the values of their RFCs", "[crypto]") {
  // RFC 5869, A.1 and A.3.
  CHECK(text::hex(hkdf_sha256(std::string(22, '\x0b'), bytes("000102030405060708090a0b0c"), bytes("f0f1f2f3f4f5f6f7f8f9"), 42)) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  CHECK(text::hex(hkdf_sha256(std::string(22, '\x0b'), "", "", 42)) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
  // RFC 4231, test case 2.
  CHECK(text::hex(hmac(Digest::sha256, "Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("an authenticated cipher opens only what it has sealed", "[crypto]") {
  for (const auto cipher : {Aead::aes_128_gcm, Aead::aes_192_gcm, Aead::aes_256_gcm, Aead::chacha20_poly1305, Aead::sm4_ctr_hmac_sm3}) {
    const std::string key(key_bytes(cipher), 'k');
    const std::string nonce(kNonceBytes, 'n');
    for (const std::size_t size : {0U, 1U, 16U, 65536U}) {
      const std::string plain(size, 'p');
      std::string sealed;
      seal(cipher, key, nonce, "more", plain, sealed);
      REQUIRE(sealed.size() == size + kTagBytes);
      std::string opened = "kept ";
      CHECK(open(cipher, key, nonce, "more", sealed, opened));
      CHECK(opened == "kept " + plain);
      CHECK(!open(cipher, key, nonce, "less", sealed, opened));
      sealed.back() ^= 1;
      CHECK(!open(cipher, key, nonce, "more", sealed, opened));
      CHECK(!open(cipher, key, nonce, "more", sealed.substr(0, kTagBytes - 1), opened));
      CHECK(opened == "kept " + plain);
    }
  }
}

TEST_CASE("the SM4 cipher of ours encrypts by counter blocks of the nonce", "[crypto]") {
  // GB/T 32907 gives this block for this key; as a counter block it is the key stream of zeros.
  const auto key = std::string(32, 'm') + bytes("0123456789abcdeffedcba9876543210");
  std::string sealed;
  std::string twice;
  seal(Aead::sm4_ctr_hmac_sm3, key, std::string(kNonceBytes, '\0'), "", std::string(16, '\0'), sealed);
  seal(Aead::sm4_ctr_hmac_sm3, key, std::string(kNonceBytes, '\0'), "", std::string(16, '\xff'), twice);
  for (std::size_t i = 0; i < 16; ++i) CHECK(static_cast<unsigned char>(sealed[i] ^ twice[i]) == 0xff);
  CHECK(sealed.substr(16) != twice.substr(16));
}

TEST_CASE("random bytes differ, and bytes are compared whole", "[crypto]") {
  CHECK(random_bytes(32) != random_bytes(32));
  CHECK(same_bytes("abc", "abc"));
  CHECK(!same_bytes("abc", "abd"));
  CHECK(!same_bytes("abc", "ab"));
}
