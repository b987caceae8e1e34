// Key: a symmetric or asymmetric key, immutable and cheap to copy, and the forms in which keys are written: JWK, key sets,
// PEM, raw bytes (contract 02, section 6.5). No I/O; from any thread.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/secret.hpp"

struct evp_pkey_st;  // of OpenSSL

namespace mecha::crypto {

enum class KeyType : std::uint8_t { symmetric, rsa, ec, ed25519, sm2 };

struct Key {
  KeyType type = KeyType::symmetric;
  std::string id;                       // `kid` of a JWK
  std::string algorithm;                // `alg` of a JWK; empty: any
  std::string use;                      // `use` of a JWK: "sig", "enc" or empty
  std::vector<std::string> operations;  // `key_ops` of a JWK; empty: all that `use` allows
  Secret bytes;                         // of a symmetric key
  std::shared_ptr<evp_pkey_st> pair;    // of an asymmetric key; may be the public part only
  bool is_private = true;

  // Whether `operation` ("wrapKey", ...) is among those that the key is made for.
  bool permits(std::string_view operation) const;
};

using KeySet = std::map<std::string, Key, std::less<>>;

// The form that a file name or a content type tells; `guess` looks at the bytes.
enum class KeyForm : std::uint8_t { guess, jwk, pem };

Result<Key> parse_key(std::string_view bytes, KeyForm form);
Result<Key> parse_jwk(const json::Value& value);
Result<Key> parse_pem(std::string_view text);
// Of any length but none. What reads as base64, standard or URL, is taken as such.
Result<Key> parse_symmetric(std::string_view bytes);
// {"keys": [..]}; keys without `kid` cannot be asked for and are left out.
Result<KeySet> parse_key_set(std::string_view text);

// The public part: PKIX in PEM, or a JWK. For asymmetric keys.
Result<std::string> public_pem(const Key& key);
Result<std::string> public_jwk(const Key& key);

}  // namespace mecha::crypto
