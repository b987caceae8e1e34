// Signatures of tokens.

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "components/jose/key_set.hpp"
#include "runtime/base/text.hpp"

namespace mecha::jose {
namespace {

enum class Padding : std::uint8_t { none, pkcs1, pss };

struct Algorithm {
  std::string_view name, key_type;
  const EVP_MD* (*digest)();
  Padding padding = Padding::none;
  int curve_bits = 0;  // of ES
};

constexpr std::array kAlgorithms{
    Algorithm{"RS256", "RSA", EVP_sha256, Padding::pkcs1}, Algorithm{"RS384", "RSA", EVP_sha384, Padding::pkcs1},
    Algorithm{"RS512", "RSA", EVP_sha512, Padding::pkcs1}, Algorithm{"PS256", "RSA", EVP_sha256, Padding::pss},
    Algorithm{"PS384", "RSA", EVP_sha384, Padding::pss},   Algorithm{"PS512", "RSA", EVP_sha512, Padding::pss},
    Algorithm{"ES256", "EC", EVP_sha256, {}, 256},         Algorithm{"ES384", "EC", EVP_sha384, {}, 384},
    Algorithm{"ES512", "EC", EVP_sha512, {}, 521},         Algorithm{"EdDSA", "OKP", nullptr},
};

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// From two numbers of one size, as tokens carry them, to DER, as OpenSSL wants them. Empty if it cannot be.
std::string der_signature(std::string_view raw, int curve_bits) {
  const auto size = static_cast<std::size_t>((curve_bits + 7) / 8);
  if (raw.size() != 2 * size) return {};
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(ECDSA_SIG_new(), ECDSA_SIG_free);
  auto* r = BN_bin2bn(bytes_of(raw), static_cast<int>(size), nullptr);
  auto* s = BN_bin2bn(bytes_of(raw.substr(size)), static_cast<int>(size), nullptr);
  if (!signature || ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  unsigned char* out = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &out);
  std::string der(reinterpret_cast<char*>(out), length > 0 ? static_cast<std::size_t>(length) : 0);
  OPENSSL_free(out);
  return der;
}

bool signature_holds(const PublicKey& key, const Algorithm& algorithm, std::string_view text, std::string signature) {
  if (algorithm.curve_bits != 0) {
    if (EVP_PKEY_get_bits(key.key.get()) != algorithm.curve_bits) return false;
    signature = der_signature(signature, algorithm.curve_bits);
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* options = nullptr;
  const auto* digest = algorithm.digest != nullptr ? algorithm.digest() : nullptr;
  if (!context || EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, key.key.get()) != 1) return false;
  if (algorithm.padding == Padding::pss &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
}

}  // namespace

Result<json::Value> KeySet::verify(std::string_view token) const {
  const auto refused = [](std::string why) { return fail(Code::unauthenticated, std::move(why)); };
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last) {
    return refused("it is no signed token");
  }
  const auto head_text = from_base64url(token.substr(0, first));
  const auto claims_text = from_base64url(token.substr(first + 1, last - first - 1));
  auto signature = from_base64url(token.substr(last + 1));
  if (!head_text || !claims_text || !signature) return refused("it is no signed token");
  MECHA_TRY(const auto head, json::parse(*head_text, true));
  const auto id = head.text("kid");
  if (id.empty()) return refused("it names no key");
  if (head.find("crit") != nullptr) return refused("it asks for extensions");
  const auto stated = head.text("alg");
  for (const auto& key : keys_) {
    if (key.id != id || (!key.algorithm.empty() && key.algorithm != stated)) continue;
    const auto algorithm = std::ranges::find(kAlgorithms, stated, &Algorithm::name);
    if (algorithm == kAlgorithms.end() || algorithm->key_type != key.type) continue;
    if (!signature_holds(key, *algorithm, token.substr(0, last), *signature)) continue;
    MECHA_TRY(auto claims, json::parse(*claims_text, true));
    if (!claims.is_object()) return refused("its claims are no object");
    return claims;
  }
  return refused("no key fits its signature");
}

}  // namespace mecha::jose
