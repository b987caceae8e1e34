// Algorithms against published vectors, and each of them there and back.

#include "components/crypto/algorithms.hpp"

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/crypto_keys.hpp"

using namespace mecha;
using namespace mecha::crypto;

namespace {

std::string bytes(std::string_view hex) { return text::from_hex(hex).value(); }
Key octets(std::string value) { return Key{.bytes = Secret(std::move(value))}; }

std::string counting(int from, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += static_cast<char>(from + i);
  return out;
}

}  // namespace

TEST_CASE("key wrap is that of RFC 3394", "[crypto]") {
  const auto key = octets(counting(0, 32));
  const auto data = bytes("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
  const auto wrapped = encrypt_with(key, {.algorithm = "A256KW", .data = data});
  REQUIRE(wrapped);
  CHECK(text::hex(wrapped->data) == "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
  CHECK(decrypt_with(key, {.algorithm = "A256KW", .data = wrapped->data}).value() == data);
  CHECK(!encrypt_with(key, {.algorithm = "A256KW", .data = "short"}));
  CHECK(!decrypt_with(key, {.algorithm = "A256KW", .data = "short"}));
}

TEST_CASE("CBC with HMAC is that of RFC 7518, B.1", "[crypto]") {
  Operation operation{
      .algorithm = "A128CBC-HS256",
      .data = "A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy "
              "without inconvenience",
      .nonce = bytes("1af38c2dc2b96ffdd86694092341bc04"),
      .associated_data = "The second principle of Auguste Kerckhoffs",
  };
  const auto sealed = encrypt_with(octets(counting(0, 32)), operation);
  REQUIRE(sealed);
  CHECK(text::hex(sealed->data).starts_with("c80edfa32ddf39d5ef00c0b468834279"));
  CHECK(text::hex(sealed->tag) == "652c3fa36b0a7c5b3219fab3a30bc1c4");
}

TEST_CASE("XChaCha20-Poly1305 is that of its draft, A.3.1", "[crypto]") {
  const Operation operation{
      .algorithm = "XC20P",
      .data = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
      .nonce = counting(0x40, 24),
      .associated_data = bytes("50515253c0c1c2c3c4c5c6c7"),
  };
  const auto sealed = encrypt_with(octets(counting(0x80, 32)), operation);
  REQUIRE(sealed);
  CHECK(text::hex(sealed->data).starts_with("bd6d179d3e83d43b9576579493c0e939"));
  CHECK(text::hex(sealed->tag) == "c0875924c1c7987947deafd8780acf49");
}

TEST_CASE("every symmetric cipher goes there and back, and checks its key, nonce and tag", "[crypto]") {
  struct Row {
    std::string name;
    std::size_t key, nonce, tag;
  };
  const Row rows[]{
      {"A128CBC", 16, 16, 0}, {"A192CBC", 24, 16, 0}, {"A256CBC", 32, 16, 0}, {"SM4-CBC", 16, 16, 0},
      {"A128GCM", 16, 12, 16}, {"A192GCM", 24, 12, 16}, {"A256GCM", 32, 12, 16}, {"SM4-CTR-HSM3", 48, 12, 16},
      {"C20P", 32, 12, 16}, {"C20PKW", 32, 12, 16}, {"XC20P", 32, 24, 16}, {"XC20PKW", 32, 24, 16},
      {"A128CBC-HS256", 32, 16, 16}, {"A192CBC-HS384", 48, 16, 24}, {"A256CBC-HS512", 64, 16, 32},
      {"A128KW", 16, 0, 0}, {"A192KW", 24, 0, 0}, {"A256KW", 32, 0, 0}, {"SM4KW", 16, 0, 0},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    const auto key = octets(std::string(row.key, 'k'));
    Operation operation{.algorithm = row.name, .data = std::string(32, 'd'), .nonce = std::string(row.nonce, 'n')};
    const auto sealed = encrypt_with(key, operation);
    REQUIRE(sealed);
    CHECK(sealed->tag.size() == row.tag);
    auto back = operation;
    back.data = sealed->data;
    back.tag = sealed->tag;
    CHECK(decrypt_with(key, back).value() == operation.data);
    CHECK(encrypt_with(octets(std::string(row.key + 1, 'k')), operation).error().message == "key type mismatch");
    CHECK(decrypt_with(octets(std::string(row.key + 1, 'k')), back).error().message == "key type mismatch");
    if (row.nonce != 0) {
      operation.nonce += 'x';
      CHECK(encrypt_with(key, operation).error().message == "invalid nonce");
    }
    if (row.tag != 0) {
      back.tag[0] ^= 1;
      CHECK(!decrypt_with(key, back));
      back.tag.clear();
      CHECK(!decrypt_with(key, back));
    }
  }
  for (const auto* name : {"A256CBC-NOPAD", "A256GCMKW", "HS256", "ECDH-ES", "a256kw", ""}) {
    CHECK(encrypt_with(octets(std::string(32, 'k')), {.algorithm = name}).error().message == "unsupported algorithm");
  }
}

TEST_CASE("asymmetric ciphers go there and back with the right key only", "[crypto]") {
  const auto rsa = parse_pem(conformance::kRsaPem).value();
  const auto sm2 = parse_pem(conformance::kSm2Pem).value();
  const auto open = parse_pem(public_pem(rsa).value()).value();
  for (const auto* name : {"RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512", "SM2"}) {
    INFO(name);
    const auto& key = std::string_view(name) == "SM2" ? sm2 : rsa;
    const auto& other = std::string_view(name) == "SM2" ? rsa : sm2;
    const auto sealed = encrypt_with(key, {.algorithm = name, .data = "a file key"});
    REQUIRE(sealed);
    CHECK(decrypt_with(key, {.algorithm = name, .data = sealed->data}).value() == "a file key");
    CHECK(encrypt_with(other, {.algorithm = name, .data = "x"}).error().message == "key type mismatch");
  }
  CHECK(encrypt_with(open, {.algorithm = "RSA-OAEP", .data = "x"}));
  CHECK(decrypt_with(open, {.algorithm = "RSA-OAEP", .data = "x"}).error().message == "key type mismatch");
  // Associated data is the label.
  const auto labelled = encrypt_with(rsa, {.algorithm = "RSA-OAEP-256", .data = "x", .associated_data = "label"});
  REQUIRE(labelled);
  CHECK(decrypt_with(rsa, {.algorithm = "RSA-OAEP-256", .data = labelled->data, .associated_data = "label"}).value() == "x");
  CHECK(!decrypt_with(rsa, {.algorithm = "RSA-OAEP-256", .data = labelled->data}));
}

TEST_CASE("signatures verify what was signed, and nothing else", "[crypto]") {
  struct Row {
    std::string name;
    std::string_view pem;
    std::size_t digest;
  };
  const Row rows[]{
      {"RS256", conformance::kRsaPem, 32}, {"RS384", conformance::kRsaPem, 48}, {"RS512", conformance::kRsaPem, 64},
      {"PS256", conformance::kRsaPem, 32}, {"PS384", conformance::kRsaPem, 48}, {"PS512", conformance::kRsaPem, 64},
      {"ES256", conformance::kEcPem, 32},  {"EdDSA", conformance::kEdPem, 100}, {"SM2", conformance::kSm2Pem, 100},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    const auto key = parse_pem(row.pem).value();
    const auto open = parse_pem(public_pem(key).value()).value();
    Operation operation{.algorithm = row.name, .data = std::string(row.digest, 'd')};
    const auto signature = sign_with(key, operation);
    REQUIRE(signature);
    CHECK(sign_with(open, operation).error().message == "key type mismatch");
    operation.signature = *signature;
    CHECK(verify_with(open, operation).value());
    operation.data[0] ^= 1;
    CHECK(!verify_with(open, operation).value());
    CHECK(sign_with(octets("k"), operation).error().message == "key type mismatch");
  }
  CHECK(sign_with(octets("k"), {.algorithm = "HS256"}).error().message == "unsupported algorithm");
}
