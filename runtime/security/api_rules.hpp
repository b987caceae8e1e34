// Which routes and methods of the API exist: Configuration spec.api.allowed and denied (contract
// 01, 1.8). Pure.

#pragma once

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

}  // namespace mecha::security
