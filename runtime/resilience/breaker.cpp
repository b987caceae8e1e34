#include "runtime/resilience/breaker.hpp"

namespace mecha::resilience {

namespace {

Error refused(std::string text) {
  return {.code = Code::unknown, .message = std::move(text), .failure = Failure::circuit_open};
}

}  // namespace

std::string_view Breaker::text(State state) {
  switch (state) {
    case State::closed:
      return "closed";
    case State::half_open:
      return "half-open";
    case State::open:
      return "open";
  }
  return "unknown";
}

Breaker::Breaker(std::string name, BreakerSettings settings, Log log, const Clock& clock)
    : name_(std::move(name)), settings_(std::move(settings)), log_(std::move(log)), clock_(clock) {
  renew(clock_.now());
}

Result<std::uint64_t> Breaker::admit() {
  const std::lock_guard lock(mutex_);
  refresh(clock_.now());
  if (state_ == State::open) return fail(refused("circuit breaker is open"));
  if (state_ == State::half_open && counts_.requests >= settings_.requests_max)
    return fail(refused("too many requests"));
  ++counts_.requests;
  return generation_;
}

void Breaker::done(std::uint64_t generation, bool success) {
  const std::lock_guard lock(mutex_);
  const Clock::Mono now = clock_.now();
  refresh(now);
  if (generation != generation_) return;
  if (success) {
    ++counts_.total_successes;
    ++counts_.consecutive_successes;
    counts_.consecutive_failures = 0;
    if (state_ == State::half_open && counts_.consecutive_successes >= settings_.requests_max)
      change(State::closed, now);
    return;
  }
  if (state_ == State::half_open) return change(State::open, now);
  ++counts_.total_failures;
  ++counts_.consecutive_failures;
  counts_.consecutive_successes = 0;
  if (settings_.trip(counts_)) change(State::open, now);
}

Breaker::State Breaker::state() {
  const std::lock_guard lock(mutex_);
  refresh(clock_.now());
  return state_;
}

// What time alone brings about: closed counts start anew, an open breaker becomes half-open.
void Breaker::refresh(Clock::Mono now) {
  if (!expires_ || now <= *expires_) return;
  if (state_ == State::open) {
    change(State::half_open, now);
  } else {
    renew(now);
  }
}

void Breaker::change(State next, Clock::Mono now) {
  const State before = std::exchange(state_, next);
  renew(now);
  if (!log_.enabled(Level::info)) return;
  std::string line = "Circuit breaker \"" + name_ + "\" changed state from ";
  line.append(text(before)).append(" to ").append(text(next));
  log_.info(line);
}

void Breaker::renew(Clock::Mono now) {
  ++generation_;
  counts_ = {};
  expires_.reset();
  if (state_ == State::closed && settings_.interval.count() > 0)
    expires_ = now + settings_.interval;
  if (state_ == State::open) expires_ = now + settings_.timeout;
}

}  // namespace mecha::resilience
