// The two directions of a proxied call. Internal to the proxy.

#pragma once

#include <string>

#include "runtime/net/grpc.hpp"

namespace mecha::mesh {

// One call between the client's exchange and the call to the target; both outlive it.
class ProxyStream {
 public:
  ProxyStream(net::grpc::ServerCall& call, net::Exchange& exchange, net::ClientCall& target, std::size_t message_max)
      : call_(call), exchange_(exchange), target_(target), up_(message_max), down_(message_max) {}

  // Everything, both ways, until the target has answered. Fails, with nothing sent to the client, when the target could not
  // be reached or broke off.
  Async<void> run();

  // The target's answer alone. With `hold_failure` a status that is not OK is an error, for another attempt, as long as
  // nothing of the answer has been sent.
  Async<void> answer(bool hold_failure);
  // The metadata of that status, trailers and all.
  const net::Headers& held() const { return held_; }

 private:
  Async<void> upwards();
  Async<void> upwards_unpacked();
  asio::awaitable<void> upwards_until_cancelled(std::optional<Error>& problem);
  Async<void> finish(net::Headers trailers);
  Async<void> finish_at_once(net::ResponseHead head);
  Error hold(net::Headers trailers);

  net::grpc::ServerCall& call_;
  net::Exchange& exchange_;
  net::ClientCall& target_;
  net::grpc::FrameMeter up_, down_;
  net::Headers held_;
};

}  // namespace mecha::mesh
