// gRPC face of output bindings (contract 03, section 5.2).

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::bindings {
class OutputBindings;
}

namespace mecha::api {

std::vector<GrpcMethod> bindings_methods(bindings::OutputBindings& outputs);

}  // namespace mecha::api
