// Which routes and methods of the API exist: Configuration spec.api.allowed and denied (contract
// 01, 1.8). Pure.

#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/resources/specs.hpp"

namespace mecha::security {

// A route that is refused is not registered: the server answers as for any unknown path.
class HttpApiRules {
 public:
  HttpApiRules(std::span<const ApiRule> allowed, std::span<const ApiRule> denied);

  // `pattern` is the route's ("/v1.0/state/{storeName}"), `group` that of lists ("v1/state").
  bool registers(std::string_view pattern, std::string_view group, bool always_allowed = false)
      const;

 private:
  std::vector<std::string> allowed_, denied_;  // "<version>/<name>"
};

// The same for the gRPC API: groups are "state.v1", and the protocol of a rule is written "grpc" exactly.
class GrpcApiRules {
 public:
  // Rules that name none of the `known` groups are ignored.
  GrpcApiRules(std::span<const ApiRule> allowed, std::span<const ApiRule> denied, const std::set<std::string>& known);

  bool admits(std::string_view group) const;
  // A method of the API that no group knows.
  bool admits_unknown() const { return allowed_.empty(); }

 private:
  std::set<std::string, std::less<>> allowed_, denied_;
};

}  // namespace mecha::security
