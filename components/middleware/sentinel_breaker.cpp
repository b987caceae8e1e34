#include "components/middleware/sentinel_breaker.hpp"

namespace mecha::middleware {

SlowBreaker::SlowBreaker(const BreakerRule& rule)
    : rule_(rule), all_(rule.interval_ms, rule.interval_ms / rule.slots), slow_(rule.interval_ms, rule.interval_ms / rule.slots) {}

bool SlowBreaker::try_pass(std::int64_t now_ms, bool& probes) {
  probes = false;
  if (state_ == State::closed) return true;
  if (state_ == State::half_open) return rule_.probes > 0;
  if (now_ms < retry_at_) return false;
  state_ = State::half_open;
  probes = true;
  return true;
}

void SlowBreaker::give_back() {
  if (state_ == State::half_open) state_ = State::open;
}

void SlowBreaker::completed(std::int64_t now_ms, std::int64_t took_ms) {
  const bool is_slow = took_ms > rule_.slow_ms;
  all_.add(now_ms);
  if (is_slow) slow_.add(now_ms);
  if (state_ == State::open) return;
  if (state_ == State::half_open) {
    if (is_slow) return open(now_ms);
    probed_ += 1;
    if (probed_ < rule_.probes) return;
    state_ = State::closed;
    probed_ = 0;
    all_.clear();
    slow_.clear();
    return;
  }
  const auto all = all_.count(now_ms);
  if (all >= rule_.requests_min && slow_.count(now_ms) >= rule_.ratio * all) open(now_ms);
}

void SlowBreaker::open(std::int64_t now_ms) {
  state_ = State::open;
  probed_ = 0;
  retry_at_ = now_ms + rule_.retry_ms;
}

}  // namespace mecha::middleware
