// RSA and SM2 encryption; signatures of RSA, elliptic curves, Ed25519 and SM2.

#include <algorithm>
#include <array>

#include <openssl/rsa.h>

#include "components/crypto/algorithms.hpp"
#include "components/crypto/evp.hpp"

namespace mecha::crypto {
namespace {

struct Encryption {
  std::string_view name;
  KeyType type;
  int padding;
  const EVP_MD* (*digest)();
};
constexpr std::array kEncryptions{
    Encryption{"RSA1_5", KeyType::rsa, RSA_PKCS1_PADDING, nullptr},
    Encryption{"RSA-OAEP", KeyType::rsa, RSA_PKCS1_OAEP_PADDING, EVP_sha1},
    Encryption{"RSA-OAEP-256", KeyType::rsa, RSA_PKCS1_OAEP_PADDING, EVP_sha256},
    Encryption{"RSA-OAEP-384", KeyType::rsa, RSA_PKCS1_OAEP_PADDING, EVP_sha384},
    Encryption{"RSA-OAEP-512", KeyType::rsa, RSA_PKCS1_OAEP_PADDING, EVP_sha512},
    Encryption{"SM2", KeyType::sm2, 0, nullptr},
};

struct Signature {
  std::string_view name;
  KeyType type;
  int padding;
  const EVP_MD* (*digest)();  // of the digest that is signed; null: the message itself is signed
};
constexpr std::array kSignatures{
    Signature{"RS256", KeyType::rsa, RSA_PKCS1_PADDING, EVP_sha256},
    Signature{"RS384", KeyType::rsa, RSA_PKCS1_PADDING, EVP_sha384},
    Signature{"RS512", KeyType::rsa, RSA_PKCS1_PADDING, EVP_sha512},
    Signature{"PS256", KeyType::rsa, RSA_PKCS1_PSS_PADDING, EVP_sha256},
    Signature{"PS384", KeyType::rsa, RSA_PKCS1_PSS_PADDING, EVP_sha384},
    Signature{"PS512", KeyType::rsa, RSA_PKCS1_PSS_PADDING, EVP_sha512},
    Signature{"ES256", KeyType::ec, 0, EVP_sha256},
    Signature{"ES384", KeyType::ec, 0, EVP_sha384},
    Signature{"ES512", KeyType::ec, 0, EVP_sha512},
    Signature{"EdDSA", KeyType::ed25519, 0, nullptr},
    Signature{"SM2", KeyType::sm2, 0, nullptr},
};

// The user that GM/T 0009 names where nobody is named; it goes into what SM2 signs.
constexpr std::string_view kSm2User = "1234567812345678";

template <class Table>
const auto* find_in(const Table& table, std::string_view name) {
  const auto* const it = std::ranges::find(table, name, [](const auto& row) { return row.name; });
  return it == table.end() ? nullptr : it;
}

bool set_label(EVP_PKEY_CTX* context, std::string_view label) {
  if (label.empty()) return true;
  void* copy = OPENSSL_memdup(label.data(), label.size());
  if (EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, static_cast<int>(label.size())) == 1) return true;
  OPENSSL_free(copy);
  return false;
}

bool prepare(EVP_PKEY_CTX* context, const Encryption& encryption, std::string_view label) {
  if (encryption.padding == 0) return true;
  if (EVP_PKEY_CTX_set_rsa_padding(context, encryption.padding) != 1) return false;
  if (encryption.digest == nullptr) return true;
  return EVP_PKEY_CTX_set_rsa_oaep_md(context, encryption.digest()) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, encryption.digest()) == 1 && set_label(context, label);
}

// A function of OpenSSL that says how much room it needs when it is given none.
template <class Function>
Result<std::string> sized(Function function, EVP_PKEY_CTX* context, std::string_view data, std::string_view what) {
  std::size_t size = 0;
  if (function(context, nullptr, &size, raw(data), data.size()) != 1) return evp_failure(what);
  std::string out(size, '\0');
  if (function(context, raw(out), &size, raw(data), data.size()) != 1) return evp_failure(what);
  out.resize(size);
  return out;
}

KeyContext context_of(const Key& key) { return KeyContext(EVP_PKEY_CTX_new(key.pair.get(), nullptr)); }

Result<const Signature*> signature_for(const Key& key, std::string_view algorithm) {
  const auto* signature = find_in(kSignatures, algorithm);
  if (signature == nullptr) return fail(detail::unsupported_algorithm());
  if (signature->type != key.type) return fail(detail::key_type_mismatch());
  return signature;
}

bool prepare_signature(EVP_PKEY_CTX* context, const Signature& signature) {
  if (EVP_PKEY_CTX_set_signature_md(context, signature.digest()) != 1) return false;
  if (signature.padding == 0) return true;
  if (EVP_PKEY_CTX_set_rsa_padding(context, signature.padding) != 1) return false;
  // Signing uses the digest's length of salt; verifying takes any.
  return signature.padding != RSA_PKCS1_PSS_PADDING || EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1;
}

// For signatures over whole messages.
struct MessageContext {
  explicit MessageContext(const Key& key) : key_context(context_of(key)), digest(EVP_MD_CTX_new()) {
    if (key.type != KeyType::sm2) return;
    EVP_PKEY_CTX_set1_id(key_context.get(), kSm2User.data(), static_cast<int>(kSm2User.size()));
    EVP_MD_CTX_set_pkey_ctx(digest.get(), key_context.get());
  }
  KeyContext key_context;  // outlives the digest that refers to it
  DigestContext digest;
};

const EVP_MD* message_digest(const Key& key) { return key.type == KeyType::sm2 ? EVP_sm3() : nullptr; }

Result<std::string> sign_message(const Key& key, std::string_view message) {
  const MessageContext context(key);
  std::size_t size = 0;
  std::string out;
  if (EVP_DigestSignInit(context.digest.get(), nullptr, message_digest(key), nullptr, key.pair.get()) != 1 ||
      EVP_DigestSign(context.digest.get(), nullptr, &size, raw(message), message.size()) != 1) {
    return evp_failure("failed to sign");
  }
  out.resize(size);
  if (EVP_DigestSign(context.digest.get(), raw(out), &size, raw(message), message.size()) != 1) return evp_failure("failed to sign");
  out.resize(size);
  return out;
}

Result<bool> verify_message(const Key& key, std::string_view message, std::string_view signature) {
  const MessageContext context(key);
  if (EVP_DigestVerifyInit(context.digest.get(), nullptr, message_digest(key), nullptr, key.pair.get()) != 1) {
    return evp_failure("failed to verify");
  }
  const bool valid = EVP_DigestVerify(context.digest.get(), raw(signature), signature.size(), raw(message), message.size()) == 1;
  ERR_clear_error();
  return valid;
}

}  // namespace

namespace detail {

bool is_asymmetric(std::string_view algorithm) { return find_in(kEncryptions, algorithm) != nullptr; }

Result<std::string> encrypt_asymmetric(const Key& key, const Operation& operation) {
  const auto* encryption = find_in(kEncryptions, operation.algorithm);
  if (encryption == nullptr) return fail(unsupported_algorithm());
  if (encryption->type != key.type) return fail(key_type_mismatch());
  const auto context = context_of(key);
  if (EVP_PKEY_encrypt_init(context.get()) != 1 || !prepare(context.get(), *encryption, operation.associated_data)) {
    return evp_failure("failed to encrypt");
  }
  return sized(EVP_PKEY_encrypt, context.get(), operation.data, "failed to encrypt");
}

Result<std::string> decrypt_asymmetric(const Key& key, const Operation& operation) {
  const auto* encryption = find_in(kEncryptions, operation.algorithm);
  if (encryption == nullptr) return fail(unsupported_algorithm());
  if (encryption->type != key.type || !key.is_private) return fail(key_type_mismatch());
  const auto context = context_of(key);
  if (EVP_PKEY_decrypt_init(context.get()) != 1 || !prepare(context.get(), *encryption, operation.associated_data)) {
    return evp_failure("failed to decrypt");
  }
  return sized(EVP_PKEY_decrypt, context.get(), operation.data, "failed to decrypt");
}

}  // namespace detail

Result<std::string> sign_with(const Key& key, const Operation& operation) {
  MECHA_TRY(const Signature* signature, signature_for(key, operation.algorithm));
  if (!key.is_private) return fail(detail::key_type_mismatch());
  if (signature->digest == nullptr) return sign_message(key, operation.data);
  const auto context = context_of(key);
  if (EVP_PKEY_sign_init(context.get()) != 1 || !prepare_signature(context.get(), *signature)) return evp_failure("failed to sign");
  if (signature->padding == RSA_PKCS1_PSS_PADDING) EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST);
  return sized(EVP_PKEY_sign, context.get(), operation.data, "failed to sign");
}

Result<bool> verify_with(const Key& key, const Operation& operation) {
  MECHA_TRY(const Signature* signature, signature_for(key, operation.algorithm));
  if (signature->digest == nullptr) return verify_message(key, operation.data, operation.signature);
  const auto context = context_of(key);
  if (EVP_PKEY_verify_init(context.get()) != 1 || !prepare_signature(context.get(), *signature)) return evp_failure("failed to verify");
  const auto& mark = operation.signature;
  const bool valid = EVP_PKEY_verify(context.get(), raw(mark), mark.size(), raw(operation.data), operation.data.size()) == 1;
  ERR_clear_error();
  return valid;
}

}  // namespace mecha::crypto
