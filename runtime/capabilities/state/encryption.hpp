// Encryption at rest (contract 02, section 1.14): values go to the store as sealed records, keys and etags as they are.
//
// A record is the base64 text of nonce, AES-GCM ciphertext and tag, then "||" and the name of the secret that holds the key.
// Pure; any thread.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/base/secret.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha::state {

class Encryption {
 public:
  struct Key {
    std::string name;  // of the secret; empty when the manifest states the key itself
    Secret bytes;      // 16, 24 or 32
  };

  // What the resolved metadata of a store asks for; empty when it stores in the clear: no primaryEncryptionKey, or no secret
  // store. Fails for a key that is no hexadecimal text of 16, 24 or 32 bytes.
  static Result<std::optional<Encryption>> of(const ComponentSpec& store);

  // Under the primary key, with a fresh nonce.
  Result<std::string> seal(std::string_view plain) const;
  // The same under the given nonce of 12 bytes: for tests of the layout.
  Result<std::string> seal(std::string_view plain, std::string_view nonce) const;

  // Under the key that the record names. An empty record is an empty text.
  Result<std::string> open(std::string_view record) const;

 private:
  std::string store_;
  Key primary_;
  std::optional<Key> secondary_;
};

}  // namespace mecha::state
