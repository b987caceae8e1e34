// The forms of keys, and what is none.

#include "components/crypto/key.hpp"

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/crypto_keys.hpp"

using namespace mecha;
using namespace mecha::crypto;

namespace {

std::string symmetric(std::string_view bytes) { return parse_key(bytes, KeyForm::guess).value().bytes.reveal(); }

}  // namespace

TEST_CASE("a symmetric key is base64 where it reads as such, raw bytes otherwise", "[crypto]") {
  const auto octets = text::from_base64("YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=").value();
  CHECK(symmetric("YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=") == octets);
  CHECK(symmetric("YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=\n\n") == octets);
  CHECK(symmetric("__________________________________________8=").size() == 32);
  CHECK(symmetric("0123456789abcdef0123456789abcde!") == "0123456789abcdef0123456789abcde!");
  // 32 letters and digits are base64 of 24 bytes.
  CHECK(symmetric("0123456789abcdef0123456789abcdef").size() == 24);
  // A brace at the front of a text of a key's length is no JSON.
  CHECK(symmetric("{123456789abcde!") == "{123456789abcde!");
  CHECK(symmetric("\n\n") == "\n\n");
  CHECK(parse_key("", KeyForm::guess).error().message == "key is empty");
}

TEST_CASE("PEM holds keys of all kinds, and their public parts", "[crypto]") {
  const std::pair<std::string_view, KeyType> pems[]{
      {conformance::kRsaPem, KeyType::rsa},
      {conformance::kEcPem, KeyType::ec},
      {conformance::kEdPem, KeyType::ed25519},
      {conformance::kSm2Pem, KeyType::sm2},
  };
  for (const auto& [pem, type] : pems) {
    const auto key = parse_key(pem, KeyForm::guess);
    REQUIRE(key);
    CHECK(key->type == type);
    CHECK(key->is_private);
    const auto open = parse_pem(public_pem(*key).value());
    REQUIRE(open);
    CHECK(open->type == type);
    CHECK(!open->is_private);
    // A JWK of the public part is the same key.
    const auto jwk = parse_key(public_jwk(*key).value(), KeyForm::jwk);
    REQUIRE(jwk);
    CHECK(jwk->type == type);
    CHECK(public_pem(*jwk).value() == public_pem(*key).value());
  }
  CHECK(parse_pem("x").error().message.starts_with("failed to parse PEM key"));
  CHECK(!parse_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
}

TEST_CASE("what is no JSON Web Key is refused with a reason", "[crypto]") {
  for (const auto* text : {
           "{}", "[]", "x", R"({"kty":"oct"})", R"({"kty":"oct","k":"!"})", R"({"kty":"oct","k":5})", R"({"kty":"RSA","n":"AQAB"})",
           R"({"kty":"EC","crv":"P-1","x":"AA","y":"AA"})", R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})",
           R"({"kty":"OKP","crv":"X448","x":"AA"})", R"({"kty":"OKP","crv":"Ed25519","x":"AA"})",
       }) {
    INFO(text);
    const auto key = parse_key(text, KeyForm::jwk);
    REQUIRE(!key);
    CHECK(!key.error().message.empty());
  }
  CHECK(!parse_key_set("{}"));
  CHECK(!parse_key_set(R"({"keys":[{"kty":"xyz"}]})"));
  const auto set = parse_key_set(R"({"keys":[{"kty":"oct","k":"AA"},{"kty":"oct","kid":"a","k":"AQ"},{"kty":"oct","kid":"a","k":"AA"}]})");
  REQUIRE(set);
  REQUIRE(set->size() == 1);
  CHECK(set->at("a").bytes.reveal() == "\x01");
}

TEST_CASE("key_ops and use restrict a key", "[crypto]") {
  Key key;
  CHECK(key.permits("sign"));
  key.use = "sig";
  CHECK(key.permits("verify"));
  CHECK(!key.permits("wrapKey"));
  key.use = "enc";
  CHECK(key.permits("wrapKey"));
  CHECK(!key.permits("sign"));
  key.operations = {"sign"};
  CHECK(key.permits("sign"));
  CHECK(!key.permits("wrapKey"));
}
