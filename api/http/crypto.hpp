// HTTP face of the cryptography API (contract 02, sections 6.1 and 6.4).

#pragma once

#include <vector>

#include "api/http/route.hpp"
#include "runtime/capabilities/crypto/crypto.hpp"

namespace mecha::api {

std::vector<HttpRoute> crypto_routes(crypto::CryptoCapability& capability);

}  // namespace mecha::api
