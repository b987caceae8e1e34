#include "runtime/resilience/retry.hpp"

#include <algorithm>

#include "runtime/telemetry/random.hpp"

namespace mecha::resilience {

namespace {

constexpr double kFactor = 1.5;
constexpr double kRandomisation = 0.5;

bool listed(const CodeRanges& ranges, int code) {
  return ranges.empty() || std::ranges::any_of(ranges, [code](const auto& range) {
           return range.first <= code && code <= range.second;
         });
}

}  // namespace

bool Retry::repeats(const Error& error) const {
  if (error.failure == Failure::circuit_open) return false;
  if (hop_only) return error.code == Code::unavailable || error.code == Code::unauthenticated;
  if (error.outcome < 0) return true;
  if (error.outcome <= 16) return listed(grpc_codes, error.outcome);
  if (error.outcome >= 100 && error.outcome <= 599) return listed(http_codes, error.outcome);
  return false;
}

Backoff::Backoff(std::shared_ptr<const Retry> retry, const Clock& clock)
    : retry_(std::move(retry)), clock_(clock), begun_(clock.now()) {}

std::optional<std::chrono::nanoseconds> Backoff::next(const Error& error) {
  if (!retry_ || !retry_->repeats(error)) return {};
  if (retry_->retries_max >= 0 && done_ >= retry_->retries_max) return {};
  ++done_;
  if (retry_->kind == RetrySpec::Kind::constant) return retry_->duration;
  const std::chrono::nanoseconds wait = jittered();
  if (clock_.now() - begun_ + wait > retry_->elapsed_max) return {};
  return wait;
}

// The first interval is 500 ms whatever the cap says, as in the reference; the cap holds from the
// second on.
std::chrono::nanoseconds Backoff::jittered() {
  const auto interval = static_cast<double>(interval_.count());
  const double least = interval * (1 - kRandomisation), most = interval * (1 + kRandomisation);
  const auto cap = static_cast<double>(retry_->interval_max.count());
  interval_ =
      std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(interval * kFactor, cap)));
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(least + trace::random_unit() * (most - least))
  );
}

}  // namespace mecha::resilience
