// gRPC face of locks: TryLockAlpha1 and UnlockAlpha1 (contract 02, section 5). It translates and decides nothing.

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::lock {
class LockCapability;
}

namespace mecha::api {

// The capability outlives the methods.
std::vector<GrpcMethod> lock_methods(lock::LockCapability& locks);

}  // namespace mecha::api
