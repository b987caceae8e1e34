// Key sets and signed tokens: every algorithm with keys made here, and what is refused.

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "components/jose/key_set.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::jose;

namespace {

using Pair = std::shared_ptr<EVP_PKEY>;

std::string url64(std::string_view bytes) {
  auto text = text::replace_all(text::replace_all(text::base64(bytes), "+", "-"), "/", "_");
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

std::string number(const Pair& pair, const char* name, std::size_t size) {
  BIGNUM* value = nullptr;
  REQUIRE(EVP_PKEY_get_bn_param(pair.get(), name, &value) == 1);
  std::string bytes(size == 0 ? static_cast<std::size_t>(BN_num_bytes(value)) : size, '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  BN_free(value);
  return url64(bytes);
}

struct Signer {
  std::string algorithm;
  Pair pair;
  std::string jwk;  // members without kid

  static Signer rsa(std::string algorithm) {
    Signer out{.algorithm = std::move(algorithm), .pair = Pair(EVP_RSA_gen(2048), EVP_PKEY_free)};
    out.jwk = R"("kty":"RSA","n":")" + number(out.pair, OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
              number(out.pair, OSSL_PKEY_PARAM_RSA_E, 0) + "\"";
    return out;
  }
  static Signer ec(std::string algorithm, const std::string& curve, std::size_t size) {
    Signer out{.algorithm = std::move(algorithm), .pair = Pair(EVP_EC_gen(curve.c_str()), EVP_PKEY_free)};
    out.jwk = R"("kty":"EC","crv":")" + curve + R"(","x":")" + number(out.pair, OSSL_PKEY_PARAM_EC_PUB_X, size) +
              R"(","y":")" + number(out.pair, OSSL_PKEY_PARAM_EC_PUB_Y, size) + "\"";
    return out;
  }
  static Signer ed() {
    Signer out{.algorithm = "EdDSA", .pair = Pair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free)};
    std::string bytes(32, '\0');
    std::size_t size = bytes.size();
    EVP_PKEY_get_raw_public_key(out.pair.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size);
    out.jwk = R"("kty":"OKP","crv":"Ed25519","x":")" + url64(bytes) + "\"";
    return out;
  }

  std::string sign(std::string_view text) const {
    const EVP_MD* digest = algorithm == "EdDSA" ? nullptr : EVP_get_digestbyname(("SHA" + algorithm.substr(2)).c_str());
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX* options = nullptr;
    REQUIRE(EVP_DigestSignInit(context.get(), &options, digest, nullptr, pair.get()) == 1);
    if (algorithm.starts_with("PS")) {
      EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
    }
    const auto* in = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    REQUIRE(EVP_DigestSign(context.get(), nullptr, &size, in, text.size()) == 1);
    std::string out(size, '\0');
    REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, in, text.size()) == 1);
    out.resize(size);
    return algorithm.starts_with("ES") ? raw(out) : out;
  }
  std::string raw(const std::string& der) const {
    const auto* in = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> sig(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())), ECDSA_SIG_free);
    const auto half = static_cast<std::size_t>((EVP_PKEY_get_bits(pair.get()) + 7) / 8);
    std::string out(2 * half, '\0');
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), to, static_cast<int>(half));
    BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), to + half, static_cast<int>(half));
    return out;
  }

  std::string token(const std::string& head, const std::string& claims = R"({"sub":"x"})") const {
    const auto text = url64(head) + "." + url64(claims);
    return text + "." + url64(sign(text));
  }
  std::string head(std::string_view id = "k") const { return R"({"alg":")" + algorithm + R"(","kid":")" + std::string(id) + "\"}"; }
  std::string set(const std::string& more = R"(,"kid":"k")") const { return R"({"keys":[{)" + jwk + more + "}]}"; }
};

std::vector<Signer> signers() {
  return {Signer::rsa("RS256"), Signer::rsa("RS384"), Signer::rsa("RS512"), Signer::rsa("PS256"), Signer::rsa("PS384"),
          Signer::rsa("PS512"), Signer::ec("ES256", "P-256", 32), Signer::ec("ES384", "P-384", 48),
          Signer::ec("ES512", "P-521", 66), Signer::ed()};
}

}  // namespace

TEST_CASE("tokens of every algorithm are verified, and not when a bit differs", "[jose]") {
  for (const auto& signer : signers()) {
    INFO(signer.algorithm);
    const auto keys = KeySet::parse(signer.set()).value();
    const auto token = signer.token(signer.head());
    const auto claims = keys.verify(token);
    REQUIRE(claims.has_value());
    CHECK(claims->text("sub") == "x");
    auto forged = token;
    auto& letter = forged[forged.rfind('.') + 5];
    letter = letter == 'A' ? 'B' : 'A';
    CHECK_FALSE(keys.verify(forged).has_value());
    CHECK_FALSE(keys.verify(signer.token(signer.head("other"))).has_value());
    CHECK_FALSE(keys.verify(token.substr(0, token.rfind('.') + 1)).has_value());
  }
}

TEST_CASE("the key decides the algorithm", "[jose]") {
  const auto signer = Signer::rsa("RS256");
  const auto token = signer.token(signer.head());
  CHECK(KeySet::parse(signer.set(R"(,"kid":"k","alg":"RS256")"))->verify(token).has_value());
  CHECK_FALSE(KeySet::parse(signer.set(R"(,"kid":"k","alg":"RS512")"))->verify(token).has_value());
  const auto keys = KeySet::parse(signer.set()).value();
  CHECK_FALSE(keys.verify(signer.token(R"({"alg":"none","kid":"k"})")).has_value());
  CHECK_FALSE(keys.verify(signer.token(R"({"alg":"HS256","kid":"k"})")).has_value());
  CHECK_FALSE(keys.verify(signer.token(R"({"alg":"RS256"})")).has_value());
  CHECK_FALSE(keys.verify(signer.token(R"({"alg":"RS256","kid":"k","crit":["x"]})")).has_value());
}

TEST_CASE("texts that are no tokens are refused", "[jose]") {
  const auto keys = KeySet::parse(Signer::ed().set()).value();
  for (const auto* text : {"", ".", "..", "...", "a.b.c", "e30.e30.e30", "e30=.e30.e30", "W10.W10.W10"}) {
    INFO(text);
    CHECK_FALSE(keys.verify(text).has_value());
  }
}

TEST_CASE("keys that check no signatures are left out, malformed ones are told", "[jose]") {
  CHECK(KeySet::parse(R"({"keys":[{"kty":"oct","k":"AAAA","kid":"k"},{"kty":"EC","crv":"P-999"},{"kty":"RSA","use":"enc"}]})")->size() == 0);
  CHECK_FALSE(KeySet::parse("{}").has_value());
  CHECK_FALSE(KeySet::parse("x").has_value());
  for (const auto* key : {R"({"kty":"RSA"})", R"({"kty":"RSA","n":"*","e":"AQAB"})", R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})",
                          R"({"kty":"OKP","crv":"Ed25519","x":"AA"})"}) {
    INFO(key);
    CHECK_FALSE(KeySet::parse(std::string(R"({"keys":[)") + key + "]}").has_value());
  }
}

TEST_CASE("claims are held against issuer, audience and time", "[jose]") {
  const Expected expected{.issuer = "i", .audience = "me"};
  const std::chrono::system_clock::time_point now{std::chrono::seconds(10000)};
  const auto holds = [&](const char* claims) { return check_claims(json::parse(claims).value(), expected, now).has_value(); };
  CHECK(holds(R"({"iss":"i","aud":"me"})"));
  CHECK(holds(R"({"iss":"i","aud":["x","me"]})"));
  CHECK_FALSE(holds(R"({"iss":"i/","aud":"me"})"));
  CHECK_FALSE(holds(R"({"iss":"i","aud":"you"})"));
  CHECK_FALSE(holds(R"({"iss":"i"})"));
  CHECK(holds(R"({"iss":"i","aud":"me","exp":9701})"));
  CHECK_FALSE(holds(R"({"iss":"i","aud":"me","exp":9700})"));
  CHECK(holds(R"({"iss":"i","aud":"me","nbf":10300})"));
  CHECK_FALSE(holds(R"({"iss":"i","aud":"me","nbf":10301})"));
  CHECK_FALSE(holds(R"({"iss":"i","aud":"me","exp":"soon"})"));
}
