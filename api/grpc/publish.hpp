// gRPC face of publishing, single and in bulk (contract 03, section 1).

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::pubsub {
class Publisher;
}

namespace mecha::api {

std::vector<GrpcMethod> publish_methods(const pubsub::Publisher& publisher);

}  // namespace mecha::api
