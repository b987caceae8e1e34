// gRPC face of configuration: three methods, each stable and alpha (contract 02, section 4.2). It translates and decides nothing.

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::configuration {
class ConfigurationCapability;
}

namespace mecha::api {

// The capability outlives the methods.
std::vector<GrpcMethod> configuration_methods(configuration::ConfigurationCapability& configurations);

}  // namespace mecha::api
