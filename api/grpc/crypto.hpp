// gRPC face of the cryptography API (contract 02, sections 6.2 and 6.4): documents as streams, and the subtle calls.

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::crypto {
class CryptoCapability;
}

namespace mecha::api {

std::vector<GrpcMethod> crypto_methods(crypto::CryptoCapability& capability);

}  // namespace mecha::api
