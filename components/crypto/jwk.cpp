// JSON Web Keys: RFC 7517 and 7518, Ed25519 of RFC 8037, and the curve SM2 as an addition of ours.

#include <array>
#include <optional>

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "components/crypto/evp.hpp"
#include "components/crypto/key.hpp"
#include "runtime/base/text.hpp"

namespace mecha::crypto {
namespace {

using Builder = std::unique_ptr<OSSL_PARAM_BLD, Release<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Release<OSSL_PARAM_free>>;

struct Curve {
  std::string_view name;  // of the JWK
  const char* group;      // of OpenSSL
  const char* algorithm;
  std::size_t bytes;
};
constexpr std::array kCurves{
    Curve{"P-256", "prime256v1", "EC", 32},
    Curve{"P-384", "secp384r1", "EC", 48},
    Curve{"P-521", "secp521r1", "EC", 66},
    Curve{"SM2", "SM2", "SM2", 32},
};

std::optional<std::string> from_base64url(std::string_view text) {
  std::string standard(text);
  for (auto& c : standard) {
    if (c == '+' || c == '/') return std::nullopt;
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  return text::from_base64(standard, false);
}

std::string base64url(std::string_view bytes) {
  std::string text = text::base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (auto& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

std::unexpected<Error> bad_jwk(std::string_view what) {
  return fail(Code::invalid_argument, "failed to unmarshal JWK: " + std::string(what));
}

// A member that holds bytes; empty if it is absent.
Result<std::string> member(const json::Value& jwk, std::string_view name, bool required = false) {
  const auto* value = jwk.find(name);
  if (value == nullptr || value->is_null()) {
    if (required) return bad_jwk("required field " + std::string(name) + " is missing");
    return std::string();
  }
  auto bytes = value->is_string() ? from_base64url(value->as_string()) : std::nullopt;
  if (!bytes || bytes->empty()) return bad_jwk("field " + std::string(name) + " is no base64url text");
  return *std::move(bytes);
}

Number number_of(std::string_view bytes) { return Number(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr)); }

Result<std::shared_ptr<EVP_PKEY>> build(const char* algorithm, OSSL_PARAM_BLD* builder, bool is_private) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, algorithm, nullptr));
  EVP_PKEY* pair = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pair, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return evp_failure("failed to unmarshal JWK: the key is not valid");
  }
  return std::shared_ptr<EVP_PKEY>(pair, EVP_PKEY_free);
}

Result<Key> rsa_key(const json::Value& jwk) {
  MECHA_TRY(const auto modulus, member(jwk, "n", true));
  MECHA_TRY(const auto exponent, member(jwk, "e", true));
  MECHA_TRY(const auto secret, member(jwk, "d"));
  constexpr std::array<std::pair<std::string_view, const char*>, 5> factors{{
      {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
      {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
      {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
      {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
      {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
  }};
  std::vector<Number> numbers;  // live as long as the builder
  const Builder builder(OSSL_PARAM_BLD_new());
  const auto push = [&](const char* name, std::string_view bytes) {
    numbers.push_back(number_of(bytes));
    OSSL_PARAM_BLD_push_BN(builder.get(), name, numbers.back().get());
  };
  push(OSSL_PKEY_PARAM_RSA_N, modulus);
  push(OSSL_PKEY_PARAM_RSA_E, exponent);
  if (!secret.empty()) {
    push(OSSL_PKEY_PARAM_RSA_D, secret);
    std::vector<std::string> values;
    for (const auto& [name, parameter] : factors) {
      MECHA_TRY(auto value, member(jwk, name));
      if (!value.empty()) values.push_back(std::move(value));
    }
    // The factors speed things up, and only all together.
    for (std::size_t i = 0; values.size() == factors.size() && i < values.size(); ++i) push(factors[i].second, values[i]);
  }
  MECHA_TRY(auto pair, build("RSA", builder.get(), !secret.empty()));
  return Key{.type = KeyType::rsa, .pair = std::move(pair), .is_private = !secret.empty()};
}

Result<Key> curve_key(const json::Value& jwk, const Curve& curve) {
  MECHA_TRY(const auto x, member(jwk, "x", true));
  MECHA_TRY(const auto y, member(jwk, "y", true));
  MECHA_TRY(const auto d, member(jwk, "d"));
  if (x.size() > curve.bytes || y.size() > curve.bytes) return bad_jwk("a coordinate is too long for its curve");
  std::string point = "\x04";
  point.append(curve.bytes - x.size(), '\0').append(x);
  point.append(curve.bytes - y.size(), '\0').append(y);
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  const Number secret = number_of(d);
  if (!d.empty()) OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get());
  MECHA_TRY(auto pair, build(curve.algorithm, builder.get(), !d.empty()));
  const auto type = curve.name == "SM2" ? KeyType::sm2 : KeyType::ec;
  return Key{.type = type, .pair = std::move(pair), .is_private = !d.empty()};
}

Result<Key> elliptic_key(const json::Value& jwk) {
  const auto name = jwk.text("crv");
  for (const auto& curve : kCurves) {
    if (curve.name == name) return curve_key(jwk, curve);
  }
  return bad_jwk("invalid curve " + text::quote(name));
}

Result<Key> edwards_key(const json::Value& jwk) {
  if (jwk.text("crv") != "Ed25519") return bad_jwk("invalid curve " + text::quote(jwk.text("crv")));
  MECHA_TRY(const auto x, member(jwk, "x", true));
  MECHA_TRY(const auto d, member(jwk, "d"));
  EVP_PKEY* pair = d.empty() ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(x), x.size())
                             : EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(d), d.size());
  if (pair == nullptr) return evp_failure("failed to unmarshal JWK: the key is not valid");
  return Key{.type = KeyType::ed25519, .pair = {pair, EVP_PKEY_free}, .is_private = !d.empty()};
}

Result<Key> key_of_type(const json::Value& jwk) {
  const auto type = jwk.text("kty");
  if (type == "oct") {
    MECHA_TRY(auto bytes, member(jwk, "k", true));
    return Key{.bytes = Secret(std::move(bytes))};
  }
  if (type == "RSA") return rsa_key(jwk);
  if (type == "EC") return elliptic_key(jwk);
  if (type == "OKP") return edwards_key(jwk);
  return bad_jwk("invalid key type " + text::quote(type));
}

std::string number_text(const EVP_PKEY* pair, const char* name, std::size_t width = 0) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(pair, name, &value) != 1) return {};
  const Number number(value);
  std::string bytes(std::max(width, static_cast<std::size_t>(BN_num_bytes(number.get()))), '\0');
  BN_bn2binpad(number.get(), raw(bytes), static_cast<int>(bytes.size()));
  return base64url(bytes);
}

const Curve* curve_of(const Key& key) {
  if (key.type == KeyType::sm2) return &kCurves.back();
  char group[64] = {};
  std::size_t size = 0;
  EVP_PKEY_get_utf8_string_param(key.pair.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &size);
  for (const auto& curve : kCurves) {
    if (std::string_view(group) == curve.group) return &curve;
  }
  return nullptr;
}

}  // namespace

Result<Key> parse_jwk(const json::Value& value) {
  if (!value.is_object()) return bad_jwk("it is no object");
  MECHA_TRY(auto key, key_of_type(value));
  key.id = value.text("kid");
  key.algorithm = value.text("alg");
  key.use = value.text("use");
  if (const auto* operations = value.find("key_ops"); operations != nullptr && operations->is_array()) {
    for (const auto& operation : operations->as_array()) {
      if (operation.is_string()) key.operations.push_back(operation.as_string());
    }
  }
  return key;
}

Result<KeySet> parse_key_set(std::string_view text) {
  MECHA_TRY(const auto value, json::parse(text, true));
  const auto* keys = value.find("keys");
  if (keys == nullptr || !keys->is_array()) return bad_jwk("it is no set of keys");
  KeySet set;
  for (const auto& item : keys->as_array()) {
    MECHA_TRY(auto key, parse_jwk(item));
    if (key.id.empty()) continue;
    auto id = key.id;
    set.try_emplace(std::move(id), std::move(key));
  }
  return set;
}

Result<std::string> public_jwk(const Key& key) {
  json::Object jwk;
  if (!key.id.empty()) jwk["kid"] = key.id;
  if (!key.algorithm.empty()) jwk["alg"] = key.algorithm;
  if (!key.use.empty()) jwk["use"] = key.use;
  if (!key.operations.empty()) {
    json::Array operations;
    for (const auto& operation : key.operations) operations.emplace_back(operation);
    jwk["key_ops"] = std::move(operations);
  }
  switch (key.type) {
    case KeyType::symmetric: return fail(Code::not_found, "key not found");
    case KeyType::rsa:
      jwk["kty"] = "RSA";
      jwk["n"] = number_text(key.pair.get(), OSSL_PKEY_PARAM_RSA_N);
      jwk["e"] = number_text(key.pair.get(), OSSL_PKEY_PARAM_RSA_E);
      break;
    case KeyType::ed25519: {
      std::string bytes(32, '\0');
      std::size_t size = bytes.size();
      if (EVP_PKEY_get_raw_public_key(key.pair.get(), raw(bytes), &size) != 1) return evp_failure("the key has no public part");
      jwk["kty"] = "OKP";
      jwk["crv"] = "Ed25519";
      jwk["x"] = base64url(bytes);
      break;
    }
    case KeyType::ec:
    case KeyType::sm2: {
      const auto* curve = curve_of(key);
      if (curve == nullptr) return fail(Code::unimplemented, "the curve of the key has no name among JSON Web Keys");
      jwk["kty"] = "EC";
      jwk["crv"] = curve->name;
      jwk["x"] = number_text(key.pair.get(), OSSL_PKEY_PARAM_EC_PUB_X, curve->bytes);
      jwk["y"] = number_text(key.pair.get(), OSSL_PKEY_PARAM_EC_PUB_Y, curve->bytes);
      break;
    }
  }
  return json::write(json::Value(std::move(jwk)));
}

}  // namespace mecha::crypto
