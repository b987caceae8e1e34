// Methods of capabilities that this build does not have, or that nothing is configured for: each answers with the contract's
// error (04a, "Answers when a capability is not configured").

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::api {

std::vector<GrpcMethod> unconfigured_methods(Application& application);

}  // namespace mecha::api
