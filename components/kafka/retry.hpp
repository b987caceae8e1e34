// Pauses between attempts at a record that failed (contract 03, 4.3: consumeRetryEnabled and
// backOff*). Values only.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "components/kafka/settings.hpp"

namespace mecha::kafka {

struct Retry {
  bool enabled = true;
  bool exponential = false;
  milliseconds pause{5000};  // constant, or the first
  milliseconds pause_max{60'000}, elapsed_max{15 * 60'000};
  double multiplier = 1.5, randomization = 0.5;
  std::int64_t retries_max = -1;  // -1: without end

  // Before retry `number`, from 1; empty when there is none.
  std::optional<milliseconds> next(std::int64_t number, std::chrono::steady_clock::duration elapsed)
      const;
};

// `enabled`: whether it is on where the settings do not say. Fails for a duration or number that
// cannot be read.
Result<Retry> make_retry(const Settings& settings, bool enabled);

}  // namespace mecha::kafka
