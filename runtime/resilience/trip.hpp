// When a circuit breaker opens: an expression over its counts (contract 06, 4.3).

#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::cel {
class Expression;
}

namespace mecha::resilience {

struct Counts {
  std::int64_t requests = 0, total_successes = 0, total_failures = 0;
  std::int64_t consecutive_successes = 0, consecutive_failures = 0;
};

class Trip {
 public:
  Trip() = default;  // consecutiveFailures > 5
  // Empty is the default. Fails for bad syntax.
  static Result<Trip> compile(std::string_view expression);
  // A result that is no boolean, and a failing expression, do not trip.
  bool operator()(const Counts& counts) const;
  // The same, with what is wrong.
  Result<bool> evaluate(const Counts& counts) const;

 private:
  std::shared_ptr<const cel::Expression> expression_;
};

}  // namespace mecha::resilience
