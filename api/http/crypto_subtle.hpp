// The subtle part of the HTTP face of cryptography: messages in their JSON form (contract 02, section 6.4).

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http/route.hpp"
#include "runtime/capabilities/crypto/crypto.hpp"

namespace mecha::api {

std::vector<HttpRoute> subtle_routes(crypto::CryptoCapability& capability);

// The request of a subtle operation, and its answer; bytes are base64.
struct SubtleRequest {
  crypto::Operation operation;
  std::string name;  // of getkey
  int format = 0;    // of getkey
};
Result<SubtleRequest> read_subtle(std::string_view body);
std::string subtle_json(crypto::SubtleKind kind, const crypto::SubtleAnswer& answer);

}  // namespace mecha::api
