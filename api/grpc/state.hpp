// gRPC face of the state API: seven methods (contract 02, section 1.2). It translates and decides nothing.

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::state {
class StateCapability;
}

namespace mecha::api {

// The capability outlives the methods.
std::vector<GrpcMethod> state_methods(state::StateCapability& state);

}  // namespace mecha::api
