#include "runtime/resilience/retry.hpp"

#include "tests/catch.hpp"

namespace mecha::resilience {
namespace {

using namespace std::chrono_literals;

struct Hands : Clock {
  Mono time{};
  Mono now() const override { return time; }
};

std::shared_ptr<const Retry> constant(int times) {
  Retry retry;
  retry.duration = 10ms;
  retry.retries_max = times;
  return std::make_shared<const Retry>(retry);
}

Retry exponential(std::chrono::nanoseconds cap) {
  Retry retry;
  retry.kind = RetrySpec::Kind::exponential;
  retry.interval_max = cap;
  return retry;
}

Error status(int outcome) { return {.code = Code::unknown, .outcome = outcome}; }

TEST_CASE("without a retry policy there is one attempt", "[resilience]") {
  const Hands clock;
  Backoff backoff(nullptr, clock);
  CHECK_FALSE(backoff.next({}));
}

TEST_CASE("a constant retry waits its duration, maxRetries times", "[resilience]") {
  const Hands clock;
  Backoff backoff(constant(2), clock);
  CHECK(backoff.next({}) == 10ms);
  CHECK(backoff.next({}) == 10ms);
  CHECK_FALSE(backoff.next({}));
  Backoff none(constant(0), clock);
  CHECK_FALSE(none.next({}));
  Backoff endless(constant(-1), clock);
  for (int i = 0; i < 1000; ++i) REQUIRE(endless.next({}) == 10ms);
}

TEST_CASE(
    "exponential waits start at 500 ms, grow by half, keep the cap and jitter by half",
    "[resilience]"
) {
  const Hands clock;
  const auto retry = std::make_shared<const Retry>(exponential(1s));
  auto low = std::chrono::nanoseconds::max(), high = std::chrono::nanoseconds(0);
  for (int round = 0; round < 200; ++round) {
    Backoff backoff(retry, clock);
    for (const auto interval : {500ms, 750ms, 1000ms, 1000ms}) {
      const auto wait = backoff.next({});
      REQUIRE(wait);
      REQUIRE(*wait >= interval / 2);
      REQUIRE(*wait <= interval * 3 / 2);
      if (interval == 500ms) {
        low = std::min(low, *wait);
        high = std::max(high, *wait);
      }
    }
  }
  CHECK(low < 350ms);
  CHECK(high > 650ms);
}

TEST_CASE("a cap below 500 ms holds from the second wait on", "[resilience]") {
  const Hands clock;
  Backoff backoff(std::make_shared<const Retry>(exponential(200ms)), clock);
  CHECK(*backoff.next({}) >= 250ms);
  CHECK(*backoff.next({}) <= 300ms);
}

TEST_CASE("exponential retries end after 15 minutes in all", "[resilience]") {
  Hands clock;
  Backoff backoff(std::make_shared<const Retry>(exponential(60s)), clock);
  CHECK(backoff.next({}));
  clock.time += 15min - 10ms;
  CHECK_FALSE(backoff.next({}));
}

TEST_CASE("a constant retry has no limit in time", "[resilience]") {
  Hands clock;
  Backoff backoff(constant(-1), clock);
  clock.time += 24h;
  CHECK(backoff.next({}));
}

TEST_CASE("matching reads the list of the status's kind", "[resilience]") {
  Retry retry;
  retry.http_codes = {{429, 429}, {500, 502}};
  retry.grpc_codes = {{4, 4}, {14, 14}};
  for (const int yes : {429, 500, 502, 4, 14}) CHECK(retry.repeats(status(yes)));
  for (const int no : {428, 499, 503, 404, 0, 5, 16}) CHECK_FALSE(retry.repeats(status(no)));
  retry.http_codes.clear();
  CHECK(retry.repeats(status(404)));
  CHECK_FALSE(retry.repeats(status(5)));
}

TEST_CASE("a status that is no code is not repeated, a failure without one is", "[resilience]") {
  Retry retry;
  for (const int no : {17, 99, 600}) CHECK_FALSE(retry.repeats(status(no)));
  CHECK(retry.repeats(status(-1)));
  retry.http_codes = {{500, 500}};
  CHECK(retry.repeats(status(-1)));
}

TEST_CASE("the refusal of a breaker is not repeated", "[resilience]") {
  CHECK_FALSE(Retry{}.repeats({.failure = Failure::circuit_open}));
}

TEST_CASE("the retry of the hop repeats unavailable and unauthenticated only", "[resilience]") {
  Retry retry;
  retry.hop_only = true;
  CHECK(retry.repeats({.code = Code::unavailable}));
  CHECK(retry.repeats({.code = Code::unauthenticated}));
  CHECK_FALSE(retry.repeats({.code = Code::internal}));
  CHECK_FALSE(retry.repeats({.code = Code::deadline_exceeded}));
}

}  // namespace
}  // namespace mecha::resilience
