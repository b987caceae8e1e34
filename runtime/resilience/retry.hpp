// Retries: when to try again and after how long (contract 06, 4.2). Pure; who waits is in run.hpp.

#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/resources/resiliency_spec.hpp"

namespace mecha::resilience {

struct Retry : RetrySpec {
  std::chrono::nanoseconds elapsed_max =
      std::chrono::minutes(15);  // exponential; constant has none
  // Only failures of the hop to another sidecar, unavailable or unauthenticated, are tried again.
  bool hop_only = false;

  Retry() = default;
  explicit Retry(const RetrySpec& spec) : RetrySpec(spec) {}

  // Whether an attempt that failed so may be repeated at all.
  bool repeats(const Error& error) const;
};

// The waits of one operation.
class Backoff {
 public:
  Backoff(std::shared_ptr<const Retry> retry, const Clock& clock);

  // The wait before the next attempt, or nothing if `error` ends the operation.
  std::optional<std::chrono::nanoseconds> next(const Error& error);

 private:
  std::chrono::nanoseconds jittered();

  std::shared_ptr<const Retry> retry_;  // null: one attempt
  const Clock& clock_;
  Clock::Mono begun_;
  std::chrono::nanoseconds interval_ = std::chrono::milliseconds(500);
  int done_ = 0;
};

}  // namespace mecha::resilience
