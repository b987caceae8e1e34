// gRPC face of the secrets API (contract 02, section 3.1).

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::secrets {
class SecretsCapability;
}

namespace mecha::api {

std::vector<GrpcMethod> secrets_methods(secrets::SecretsCapability& secrets);

}  // namespace mecha::api
