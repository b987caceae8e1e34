// Cryptography capability: documents encrypted and decrypted as they stream by, and single operations with keys ("subtle"),
// over the providers of the snapshot (contract 02, section 6). Failures come back as the errors of the API; a failure in the
// middle of a stream has no code of its own (`tag` is empty): each face words it. Threads: from any shard.

#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "components/crypto/crypto_provider.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/net/message.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::crypto {

// Where a stream goes. write() waits until there is room for more.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Async<void> write(std::string piece) = 0;
};

struct EncryptRequest {
  std::string component, key, algorithm;
  std::string cipher;          // empty: AES-GCM
  std::string decryption_key;  // empty: that of encryption
  bool omits_key = false;      // no key name in the document
};

struct DecryptRequest {
  std::string component;
  std::string key;  // empty: the one that the document names
};

enum class SubtleKind : std::uint8_t { encrypt, decrypt, wrap_key, unwrap_key, sign, verify };

struct SubtleAnswer {
  std::string data, tag;
  bool is_valid = false;  // of verify
};

// A format of public keys by its number on the wire.
enum class KeyFormat : std::uint8_t { pem = 0, json = 1 };

class CryptoCapability {
 public:
  // Whether there is such a provider; the faces ask at different moments.
  Result<void> check_component(RequestScope& scope, std::string_view component) const;

  // Writes the header at once, then each segment as it is full: one piece each.
  Async<void> encrypt(RequestScope& scope, EncryptRequest request, net::BodyReader& in, ByteSink& out);
  // One piece for each segment.
  Async<void> decrypt(RequestScope& scope, DecryptRequest request, net::BodyReader& in, ByteSink& out);

  // The subtle operations are refused (ERR_API_UNIMPLEMENTED) unless the Configuration has the feature SubtleCrypto.
  Async<std::string> subtle_key(RequestScope& scope, std::string component, std::string name, int format);
  Async<SubtleAnswer> subtle(RequestScope& scope, SubtleKind kind, std::string component, Operation operation);

  // The thread on which answers that are too long for memory are kept.
  Bridge& files();

 private:
  std::once_flag once_;
  std::optional<Bridge> files_;
};

}  // namespace mecha::crypto
