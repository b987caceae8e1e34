// gRPC face of service invocation: InvokeService (contract 01, 8.1).

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha {
class Invocation;
}

namespace mecha::api {

std::vector<GrpcMethod> invoke_methods(Invocation& invocation);

}  // namespace mecha::api
