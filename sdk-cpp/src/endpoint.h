// The address of a sidecar as people write it, into what gRPC takes.
#pragma once

#include <string>
#include <string_view>

#include "mecha/result.h"

namespace mecha::wire {

struct Endpoint {
  std::string target;  ///< For grpc::CreateChannel.
  bool tls = false;
  bool near = false;  ///< On this machine for certain: a proxy would be in the way.
};

/// Fails with `invalid_argument` and the reason.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace mecha::wire
