// gRPC face of streaming subscriptions: SubscribeTopicEventsAlpha1 (contract 03, 2.4).

#pragma once

#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::pubsub {
class Streams;
}

namespace mecha::api {

std::vector<GrpcMethod> subscribe_methods(pubsub::Streams& streams);

}  // namespace mecha::api
