// Proxy: gRPC calls that are not ours, passed on as they are to the application that their metadata names: our own, or the
// one behind another sidecar (contract 01, 8.2; 06, 4.7).
//
// Bytes go through in both directions at once, each as fast as its receiver takes them; nothing is kept but what a retry
// policy may have to send again, and that is one message. Where a call goes away, the other side's is cancelled.
// Threads: from any shard; a call lives on the shard of its connection.

#pragma once

#include <string>

#include "components/nameresolution/resolver.hpp"
#include "runtime/mesh/peers.hpp"
#include "runtime/net/grpc.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha {
class Application;
}

namespace mecha::mesh {

class Proxy {
 public:
  // `resolver` may be null: name resolution did not start. `message_max`: of one message, both ways; 0: none.
  Proxy(Application& application, Peers& peers, nameresolution::Resolver* resolver, std::size_t message_max)
      : application_(application), peers_(peers), resolver_(resolver), message_max_(message_max) {}

  // Answers the call, whatever happens. `call` stands on `exchange`.
  asio::awaitable<void> serve(RequestScope& scope, net::grpc::ServerCall& call, net::Exchange& exchange);

 private:
  struct Target;
  Result<Target> find(const RequestScope& scope, const net::grpc::ServerCall& call) const;
  Async<void> resolve(Target& target);
  Async<std::unique_ptr<net::ClientCall>> open(RequestScope& scope, Target& target, const net::RequestHead& from);
  Async<void> pass(RequestScope& scope, Target& target, net::grpc::ServerCall& call, net::Exchange& exchange);
  Async<void> pass_again(
      RequestScope& scope, Target& target, resilience::Policy policy, net::grpc::ServerCall& call, net::Exchange& exchange
  );
  net::RequestHead head_for(const RequestScope& scope, const Target& target, const net::RequestHead& from) const;

  Application& application_;
  Peers& peers_;
  nameresolution::Resolver* resolver_;
  std::size_t message_max_;
};

}  // namespace mecha::mesh
