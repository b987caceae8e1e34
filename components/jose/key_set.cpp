// Key sets: from JSON to keys of OpenSSL, and the claims of tokens.

#include "components/jose/key_set.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

#include "runtime/base/text.hpp"

namespace mecha::jose {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;

struct Curve {
  std::string_view name, group;
  std::size_t bytes;
};
constexpr std::array kCurves{Curve{"P-256", "P-256", 32}, Curve{"P-384", "P-384", 48}, Curve{"P-521", "P-521", 66}};

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::invalid_argument, "malformed key: " + std::string(what));
}

const unsigned char* bytes_of(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Result<std::string> member(const json::Value& jwk, std::string_view name) {
  auto bytes = from_base64url(jwk.text(name));
  if (!bytes || bytes->empty()) return malformed(name);
  return *std::move(bytes);
}

Result<std::shared_ptr<EVP_PKEY>> from_parameters(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return malformed(type);
  }
  return std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

Result<std::shared_ptr<EVP_PKEY>> rsa_key(const json::Value& jwk) {
  MECHA_TRY(const auto n, member(jwk, "n"));
  MECHA_TRY(const auto e, member(jwk, "e"));
  const Number modulus(BN_bin2bn(bytes_of(n), static_cast<int>(n.size()), nullptr));
  const Number exponent(BN_bin2bn(bytes_of(e), static_cast<int>(e.size()), nullptr));
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!modulus || !exponent || !builder) return malformed("RSA");
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return from_parameters("RSA", builder.get());
}

Result<std::shared_ptr<EVP_PKEY>> ec_key(const json::Value& jwk) {
  const auto curve = std::ranges::find(kCurves, jwk.text("crv"), &Curve::name);
  if (curve == kCurves.end()) return std::shared_ptr<EVP_PKEY>();
  MECHA_TRY(const auto x, member(jwk, "x"));
  MECHA_TRY(const auto y, member(jwk, "y"));
  if (x.size() > curve->bytes || y.size() > curve->bytes) return malformed("EC");
  const auto point = "\x04" + std::string(curve->bytes - x.size(), '\0') + x + std::string(curve->bytes - y.size(), '\0') + y;
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder) return malformed("EC");
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group.data(), curve->group.size());
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return from_parameters("EC", builder.get());
}

Result<std::shared_ptr<EVP_PKEY>> okp_key(const json::Value& jwk) {
  if (jwk.text("crv") != "Ed25519") return std::shared_ptr<EVP_PKEY>();
  MECHA_TRY(const auto x, member(jwk, "x"));
  auto* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size());
  if (key == nullptr) return malformed("OKP");
  return std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

// Null for a kind that checks no signatures.
Result<std::shared_ptr<EVP_PKEY>> key_of(const json::Value& jwk) {
  const auto type = jwk.text("kty");
  if (type == "RSA") return rsa_key(jwk);
  if (type == "EC") return ec_key(jwk);
  if (type == "OKP") return okp_key(jwk);
  return std::shared_ptr<EVP_PKEY>();
}

bool names(const json::Value* audience, std::string_view wanted) {
  if (audience == nullptr) return false;
  if (audience->is_string()) return audience->as_string() == wanted;
  return audience->is_array() && std::ranges::any_of(audience->as_array(), [&](const json::Value& one) {
    return one.is_string() && one.as_string() == wanted;
  });
}

// A time of the claims: false if there is one that is no number.
bool read_time(const json::Value& claims, std::string_view name, std::optional<double>& into) {
  const auto* value = claims.find(name);
  if (value == nullptr) return true;
  if (!value->is_number()) return false;
  into = value->as_double();
  return true;
}

}  // namespace

std::optional<std::string> from_base64url(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  auto standard = text::replace_all(text, "-", "+");
  std::ranges::replace(standard, '_', '/');
  return text::from_base64(standard, false);
}

Result<KeySet> KeySet::parse(std::string_view text) {
  MECHA_TRY(const auto document, json::parse(text));
  const auto* list = document.find("keys");
  if (list == nullptr || !list->is_array()) return fail(Code::invalid_argument, "it is no JSON Web Key Set");
  KeySet set;
  for (const auto& jwk : list->as_array()) {
    if (const auto use = jwk.text("use"); !use.empty() && use != "sig") continue;
    MECHA_TRY(auto key, key_of(jwk));
    if (!key) continue;
    set.keys_.push_back({
        .id = std::string(jwk.text("kid")),
        .type = std::string(jwk.text("kty")),
        .algorithm = std::string(jwk.text("alg")),
        .key = std::move(key),
    });
  }
  return set;
}

Result<void> check_claims(const json::Value& claims, const Expected& expected, std::chrono::system_clock::time_point now) {
  const auto refused = [](std::string why) { return fail(Code::unauthenticated, std::move(why)); };
  if (claims.text("iss") != expected.issuer) return refused("the issuer is another");
  if (!names(claims.find("aud"), expected.audience)) return refused("the audience is another");
  std::optional<double> expires, begins;
  if (!read_time(claims, "exp", expires) || !read_time(claims, "nbf", begins)) return refused("a time is no number");
  const auto seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
  const auto skew = static_cast<double>(expected.skew.count());
  if (expires && seconds >= *expires + skew) return refused("it has expired");
  if (begins && seconds < *begins - skew) return refused("it is not valid yet");
  return {};
}

}  // namespace mecha::jose
