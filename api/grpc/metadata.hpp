// gRPC face of what the sidecar says of itself, and of its shutdown (contract 01, section 4).

#pragma once

#include <functional>
#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::api {

std::vector<GrpcMethod> metadata_methods(Application& application);
// `shutdown` is called after the answer; `force`: at once. It outlives the methods.
std::vector<GrpcMethod> shutdown_methods(const std::function<void(bool force)>& shutdown);

}  // namespace mecha::api
