#include "runtime/resilience/trip.hpp"

#include "runtime/base/cel.hpp"

namespace mecha::resilience {

Result<Trip> Trip::compile(std::string_view expression) {
  Trip trip;
  if (expression.empty()) return trip;
  MECHA_TRY(auto compiled, cel::Expression::compile(expression));
  trip.expression_ = std::make_shared<const cel::Expression>(std::move(compiled));
  return trip;
}

bool Trip::operator()(const Counts& counts) const { return evaluate(counts).value_or(false); }

Result<bool> Trip::evaluate(const Counts& counts) const {
  if (!expression_) return counts.consecutive_failures > 5;
  cel::Bindings bindings;
  bindings.set("requests", counts.requests)
      .set("totalSuccesses", counts.total_successes)
      .set("totalFailures", counts.total_failures)
      .set("consecutiveSuccesses", counts.consecutive_successes)
      .set("consecutiveFailures", counts.consecutive_failures);
  return expression_->evaluate_bool(bindings);
}

}  // namespace mecha::resilience
