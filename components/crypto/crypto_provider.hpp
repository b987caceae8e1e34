// Contract of cryptography providers (contract 02, sections 6.4 and 6.5): a vault of keys, and operations with them by the
// names of RFC 7518 and our own for SM2, SM3 and SM4. Keys never leave a provider, but for public parts.
//
// A key that is missing or unfit is a failure with the provider's own text; a signature that is wrong is an answer. Texts of
// bytes are std::string. Threads: any shard, at the same time. What an operation costs is at most some milliseconds.

#pragma once

#include <string>

#include "components/component.hpp"
#include "components/crypto/key.hpp"

namespace mecha::crypto {

// One operation: `data` is the plaintext, the ciphertext, the key to wrap, the wrapped key, the digest or the message.
struct Operation {
  std::string algorithm;  // exact
  std::string key;        // name; what it means is the provider's
  std::string data;
  std::string nonce;            // of ciphers that have one
  std::string tag;              // of AEAD ciphers, for decrypt and unwrap
  std::string associated_data;  // of AEAD ciphers; the label of RSA-OAEP
  std::string signature;        // of verify
};

struct Sealed {
  std::string data;
  std::string tag;  // of AEAD ciphers
};

class CryptoProvider : public Component {
 public:
  // The public part of an asymmetric key. "key not found" for a symmetric one.
  virtual Async<Key> get_key(std::string name) = 0;
  virtual Async<Sealed> encrypt(Operation operation) = 0;
  virtual Async<std::string> decrypt(Operation operation) = 0;
  virtual Async<Sealed> wrap_key(Operation operation) = 0;
  virtual Async<std::string> unwrap_key(Operation operation) = 0;
  virtual Async<std::string> sign(Operation operation) = 0;
  virtual Async<bool> verify(Operation operation) = 0;
};

}  // namespace mecha::crypto
