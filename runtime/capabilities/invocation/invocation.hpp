// Service invocation: from a target as the caller names it to an application, ours or another, or to a URL
// (contract 01, section 5).
//
// Operation: checks the method, decides what kind of target it is, and calls it under the policies of the target.
// Ownership: knows application, peers, resolver and external targets by reference; all outlive it.
// Failures: always ERR_DIRECT_INVOKE with the cause in the words of contract 01, 5.6; an answer of the application is no
// failure, whatever its status.

#pragma once

#include <memory>
#include <string>

#include "components/nameresolution/resolver.hpp"
#include "runtime/app/invoke.hpp"
#include "runtime/capabilities/invocation/external.hpp"
#include "runtime/capabilities/invocation/replay_body.hpp"
#include "runtime/mesh/peers.hpp"
#include "runtime/resilience/policies.hpp"

namespace mecha {

class Invocation {
 public:
  // `resolver` may be null: name resolution did not start.
  Invocation(Application& application, mesh::Peers& peers, nameresolution::Resolver* resolver)
      : application_(application), peers_(peers), resolver_(resolver), external_(application) {}

  // `request.body` is read at most once from its source; what retries need is kept (bounded). Answers outside 200-399 to
  // requests of known length come with their whole body in memory.
  Async<InvokeAnswer> invoke(RequestScope& scope, std::string target, InvokeRequest request);

 private:
  struct Call;
  Async<InvokeAnswer> under_policies(RequestScope& scope, Call& call);
  Async<InvokeAnswer> attempt(RequestScope& scope, Call& call);
  Async<InvokeAnswer> call_target(RequestScope& scope, Call& call);
  Async<InvokeAnswer> call_own(RequestScope& scope, Call& call);
  Async<InvokeAnswer> call_peer(RequestScope& scope, Call& call);
  Async<InvokeAnswer> hop(RequestScope& scope, Call& call, const std::string& address);
  Async<std::string> resolve(Call& call);
  void stamp(InvokeRequest& request, const Call& call) const;

  Application& application_;
  mesh::Peers& peers_;
  nameresolution::Resolver* resolver_;
  External external_;
};

}  // namespace mecha
