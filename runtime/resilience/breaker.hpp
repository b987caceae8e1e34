// Circuit breaker: closed, open, half-open, with counts per generation (contract 06, 4.3). From any
// thread.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/clock.hpp"
#include "runtime/base/result.hpp"
#include "runtime/resilience/trip.hpp"
#include "runtime/telemetry/log.hpp"

namespace mecha::resilience {

struct BreakerSettings {
  std::uint32_t requests_max = 1;
  std::chrono::nanoseconds interval{};  // 0: counts are never cleared
  std::chrono::nanoseconds timeout = std::chrono::seconds(60);
  Trip trip;
};

class Breaker {
 public:
  enum class State : std::uint8_t { closed, half_open, open };
  static std::string_view text(State state);

  // `name` appears in the log; `clock` outlives the breaker.
  Breaker(std::string name, BreakerSettings settings, Log log, const Clock& clock);

  // Asks for an attempt: the generation to give back to done(). Fails with Failure::circuit_open,
  // "circuit breaker is open" or "too many requests".
  Result<std::uint64_t> admit();
  // Each admitted attempt ends once. A result of an older generation is ignored.
  void done(std::uint64_t generation, bool success);
  State state();

 private:
  void refresh(Clock::Mono now);
  void change(State next, Clock::Mono now);
  void renew(Clock::Mono now);

  const std::string name_;
  const BreakerSettings settings_;
  const Log log_;
  const Clock& clock_;
  std::mutex mutex_;
  State state_ = State::closed;
  std::uint64_t generation_ = 0;
  Counts counts_;
  std::optional<Clock::Mono> expires_;
};

// An attempt under way; one that is left without finish() has failed.
class Admission {
 public:
  Admission(std::shared_ptr<Breaker> breaker, std::uint64_t generation)
      : breaker_(std::move(breaker)), generation_(generation) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  ~Admission() { finish(false); }
  void finish(bool success) {
    if (breaker_) breaker_->done(generation_, success);
    breaker_ = nullptr;
  }

 private:
  std::shared_ptr<Breaker> breaker_;
  std::uint64_t generation_;
};

}  // namespace mecha::resilience
