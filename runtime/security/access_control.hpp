// AccessControl: which caller may invoke which operation of our application (contract 06, 5.3;
// 01, 5.8). Evaluated by the callee's sidecar. Immutable; from any thread.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/resources/specs.hpp"
#include "runtime/security/operation_trie.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace mecha::security {

// spiffe://<trust domain>/ns/<namespace>/<app id>
struct SpiffeId {
  std::string trust_domain, name_space, app_id;
};
Result<SpiffeId> parse_spiffe_id(std::string_view text);

class AccessControl {
 public:
  using Spec = decltype(ConfigurationSpec::access_control);

  // "invalid access control spec. missing trustdomain for apps: [...], ..." if a policy is
  // incomplete. `metrics` may be null, else it outlives this.
  static Result<std::shared_ptr<const AccessControl>> make(
      const Spec& spec, Metrics* metrics = nullptr
  );

  // `identity` is the caller's SPIFFE id, empty without mTLS; `operation` the cleaned method as it
  // came; `verb` in upper case, NONE if there is none; `http`: the application speaks HTTP and the
  // call is not proxied gRPC. permission_denied: "access control policy has denied access to id:
  // <id> operation: <op> verb: <VERB>".
  Result<void> check(
      std::string_view identity, std::string_view operation, std::string_view verb, bool http
  ) const;

 private:
  struct Policy {
    std::string default_action, trust_domain;
    OperationTrie operations, folded;  // as written, in lower case
  };
  // What decided, for metrics.
  struct Verdict {
    bool allowed = false;
    bool by_policy = false;
  };
  Verdict judge(
      const SpiffeId* caller, std::string_view operation, std::string_view verb, bool http
  ) const;
  void record(const SpiffeId& caller, const Verdict& verdict) const;

  std::string default_action_;
  std::map<std::string, Policy, std::less<>> policies_;  // by "<app id>||<namespace>"
  Metrics* metrics_ = nullptr;
};

}  // namespace mecha::security
