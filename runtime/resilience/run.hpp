// run: an operation under its policy, retry(breaker(timeout(operation))) (contract 06, 4.3).

#pragma once

#include <functional>
#include <utility>

#include <boost/asio/cancellation_state.hpp>

#include "runtime/async/within.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::resilience {

// One attempt behind breaker and timeout.
template <class T>
Async<T> attempt_under(Policy& policy, std::function<Async<T>(int)>& operation, int attempt) {
  if (!policy.breaker) {
    if (!policy.timeout) co_return co_await operation(attempt);
    Result<T> result = co_await within(*policy.timeout, operation(attempt));
    if (!result && result.error().failure == Failure::timeout) policy.timed_out();
    co_return std::move(result);
  }
  const Breaker::State before = policy.breaker->state();
  const auto generation = policy.breaker->admit();
  if (!generation) co_return fail(generation.error());
  Admission admission(policy.breaker, *generation);
  Result<T> result = policy.timeout ? co_await within(*policy.timeout, operation(attempt))
                                    : co_await operation(attempt);
  if (policy.timeout && !result && result.error().failure == Failure::timeout) policy.timed_out();
  admission.finish(result.has_value());
  if (policy.breaker->state() != before) policy.breaker_changed();
  co_return std::move(result);
}

// `operation(n)` makes the n-th attempt, counting from 1. It must end when it is cancelled, and it
// is kept until the last attempt has ended, so it may be a lambda that captures. Ask policy.empty()
// first where a frame counts.
template <class T>
Async<T> run(RequestScope& scope, Policy policy, std::function<Async<T>(int attempt)> operation) {
  if (policy.empty()) co_return co_await operation(1);
  policy.count_use();
  Backoff backoff(policy.retry, *policy.around->clock);
  bool told = false;
  for (int attempt = 1;; ++attempt) {
    Result<T> result = co_await attempt_under<T>(policy, operation, attempt);
    if (result) {
      if (told) policy.recovered(attempt);
      co_return std::move(result);
    }
    const auto wait = backoff.next(result.error());
    if (!wait) co_return std::move(result);
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) co_return std::move(result);
    if (!std::exchange(told, true)) policy.retrying(*wait, result.error());
    const MarkTimer timer(scope, Mark::resilience);
    const bool goes_on =
        policy.around->sleep ? co_await policy.around->sleep(*wait) : co_await sleep_for(*wait);
    if (!goes_on) co_return std::move(result);
  }
}

}  // namespace mecha::resilience
