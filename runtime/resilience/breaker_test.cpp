#include "runtime/resilience/breaker.hpp"

#include "tests/catch.hpp"

namespace mecha::resilience {
namespace {

using namespace std::chrono_literals;
using State = Breaker::State;

struct Hands : Clock {
  Mono time{};
  Mono now() const override { return time; }
};

struct Bench {
  Hands clock;
  std::vector<std::string> lines;
  Breaker breaker;

  explicit Bench(std::string_view trip = {}, BreakerSettings settings = {})
      : breaker("a:b", with(settings, trip), Log(make_memory_sink(lines), "dapr.runtime"), clock) {}

  static BreakerSettings with(BreakerSettings settings, std::string_view trip) {
    settings.trip = Trip::compile(trip).value();
    return settings;
  }
  void attempt(bool success) { breaker.done(breaker.admit().value(), success); }
  std::string refusal() {
    const auto admitted = breaker.admit();
    return admitted ? "" : admitted.error().message;
  }
};

TEST_CASE("by default more than five failures in a row open a breaker", "[resilience]") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.attempt(false);
  bench.attempt(true);
  for (int i = 0; i < 5; ++i) bench.attempt(false);
  CHECK(bench.breaker.state() == State::closed);
  bench.attempt(false);
  CHECK(bench.breaker.state() == State::open);
  CHECK(bench.refusal() == "circuit breaker is open");
  CHECK(bench.breaker.admit().error().failure == Failure::circuit_open);
  REQUIRE(bench.lines.size() == 1);
  CHECK(
      bench.lines[0].find(
          R"(level=info msg="Circuit breaker \"a:b\" changed state from closed to open")"
      ) != std::string::npos
  );
}

TEST_CASE("trip reads all counts", "[resilience]") {
  Bench bench("requests >= 3 && totalFailures >= 2");
  bench.attempt(false);
  bench.attempt(true);
  CHECK(bench.breaker.state() == State::closed);
  bench.attempt(false);
  CHECK(bench.breaker.state() == State::open);
}

TEST_CASE("trip is asked after failures only", "[resilience]") {
  Bench bench("totalSuccesses > 0 && consecutiveSuccesses == 0");
  bench.attempt(true);
  CHECK(bench.breaker.state() == State::closed);
  bench.attempt(false);
  CHECK(bench.breaker.state() == State::open);
}

TEST_CASE("a trip that is no boolean or fails never opens", "[resilience]") {
  for (const auto* trip : {"requests", "1 / (requests - requests) > 0", "nosuch > 1"}) {
    Bench bench(trip);
    for (int i = 0; i < 10; ++i) bench.attempt(false);
    CHECK(bench.breaker.state() == State::closed);
  }
  CHECK_FALSE(Trip::compile("nope >"));
}

TEST_CASE(
    "an open breaker becomes half-open after its timeout and one success closes it", "[resilience]"
) {
  Bench bench("consecutiveFailures >= 1", {.timeout = 1s});
  bench.attempt(false);
  bench.clock.time += 1s;
  CHECK(bench.refusal() == "circuit breaker is open");
  bench.clock.time += 1ns;
  CHECK(bench.breaker.state() == State::half_open);
  const auto probe = bench.breaker.admit();
  REQUIRE(probe);
  CHECK(bench.refusal() == "too many requests");
  bench.breaker.done(*probe, true);
  CHECK(bench.breaker.state() == State::closed);
  CHECK(bench.lines.size() == 3);
}

TEST_CASE("a failure while half-open opens again", "[resilience]") {
  Bench bench("consecutiveFailures >= 1", {.timeout = 1s});
  bench.attempt(false);
  bench.clock.time += 2s;
  bench.attempt(false);
  CHECK(bench.breaker.state() == State::open);
  CHECK(bench.lines.back().find("from half-open to open") != std::string::npos);
}

TEST_CASE("as many successes as maxRequests close a half-open breaker", "[resilience]") {
  Bench bench("consecutiveFailures >= 1", {.requests_max = 2, .timeout = 1s});
  bench.attempt(false);
  bench.clock.time += 2s;
  bench.attempt(true);
  CHECK(bench.breaker.state() == State::half_open);
  bench.attempt(true);
  CHECK(bench.breaker.state() == State::closed);
}

TEST_CASE("the result of an older generation is ignored", "[resilience]") {
  Bench bench("consecutiveFailures >= 1", {.timeout = 1s});
  const auto late = bench.breaker.admit();
  bench.attempt(false);
  bench.clock.time += 2s;
  CHECK(bench.breaker.state() == State::half_open);
  bench.breaker.done(*late, true);
  CHECK(bench.breaker.state() == State::half_open);
}

TEST_CASE("an interval clears the counts of a closed breaker", "[resilience]") {
  Bench bench("consecutiveFailures >= 2", {.interval = 1s});
  bench.attempt(false);
  bench.clock.time += 1001ms;
  bench.attempt(false);
  CHECK(bench.breaker.state() == State::closed);
  bench.attempt(false);
  CHECK(bench.breaker.state() == State::open);
}

TEST_CASE("an attempt that is left without a result has failed", "[resilience]") {
  Bench bench("consecutiveFailures >= 1");
  {
    const std::shared_ptr<Breaker> shared(&bench.breaker, [](Breaker*) {});
    const Admission admission(shared, bench.breaker.admit().value());
  }
  CHECK(bench.breaker.state() == State::open);
}

}  // namespace
}  // namespace mecha::resilience
