// Public keys of a JSON Web Key Set, and tokens signed with one of them (RFC 7515, 7517, 7519). No I/O; from any thread.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

struct evp_pkey_st;  // of OpenSSL

namespace mecha::jose {

struct PublicKey {
  std::string id;         // `kid`
  std::string type;       // `kty`: RSA, EC or OKP
  std::string algorithm;  // `alg`; empty: what the key fits
  std::shared_ptr<evp_pkey_st> key;
};

class KeySet {
 public:
  // {"keys": [..]}. Keys that no signature can be checked with (symmetric ones, other curves, `use` other than `sig`) are
  // left out. Fails when the text is no key set, or a key in it is malformed.
  static Result<KeySet> parse(std::string_view text);
  std::size_t size() const { return keys_.size(); }

  // The claims of a signed token in compact form: its key is the one that its `kid` names, the algorithm is the key's.
  // Algorithms: RS, PS and ES with 256, 384 and 512, EdDSA. The claims are not judged.
  Result<json::Value> verify(std::string_view token) const;

 private:
  std::vector<PublicKey> keys_;
};

struct Expected {
  std::string issuer, audience;
  std::chrono::seconds skew{300};
};

// `iss` and `aud` as expected; `exp` and `nbf`, where present, around `now`.
Result<void> check_claims(const json::Value& claims, const Expected& expected, std::chrono::system_clock::time_point now);

// Base64 with the alphabet of URLs, unpadded.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace mecha::jose
