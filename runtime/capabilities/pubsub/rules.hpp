// Rules: the compiled routes of a subscription (contract 03, 2.5). Immutable: any thread.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/cel.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha::pubsub {

class Rules {
 public:
  // Fails with the words of the expression compiler.
  static Result<Rules> compile(const std::vector<RouteRule>& rules);

  // The path of the first rule that holds, or nothing. Fails when an expression cannot be evaluated: that is a failed
  // delivery, not a rule that does not hold. `event` is the envelope, or in bulk raw mode the payload as a JSON string.
  Result<std::optional<std::string>> match(const json::Value& event) const;

 private:
  struct Rule {
    std::optional<cel::Expression> when;  // empty: always
    std::string path;
  };
  std::vector<Rule> rules_;
};

}  // namespace mecha::pubsub
