// Settings and environment into what makes a channel.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "mecha/connect.h"

namespace mecha::wire {

struct Dialled {
  std::string target;
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  grpc::ChannelArguments arguments;
  std::string token;
};

/// Fails with `invalid_argument` for settings that cannot be used. Touches no network.
Result<Dialled> dial(ClientOptions options);

}  // namespace mecha::wire
