#include "runtime/resilience/run.hpp"

#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::resilience {
namespace {

using namespace std::chrono_literals;

// The scope only carries the reference.
Application& nobody() {
  alignas(16) static char place[16];
  return reinterpret_cast<Application&>(place);
}

struct Bench {
  asio::io_context context;
  std::vector<std::string> lines;
  std::vector<std::chrono::nanoseconds> waits;
  Metrics metrics{{.app_id = "app"}};
  RequestScope scope{nobody(), nullptr, Face::http};
  Policy policy;

  Bench() {
    Surroundings around;
    around.log = Log(make_memory_sink(lines), "dapr.runtime");
    around.metrics = &metrics;
    around.name = "r";
    around.name_space = "x";
    around.sleep = [this](std::chrono::nanoseconds time) { return slept(time); };
    policy.around = std::make_shared<const Surroundings>(std::move(around));
    policy.name = "endpoint[other, other:m]";
    policy.target = "app_other";
  }
  asio::awaitable<bool> slept(std::chrono::nanoseconds time) {
    waits.push_back(time);
    co_return true;
  }
  void retry(int times) {
    Retry made;
    made.duration = 10ms;
    made.retries_max = times;
    policy.retry = std::make_shared<const Retry>(made);
  }
  void breaker(std::string_view trip) {
    policy.breaker = std::make_shared<Breaker>(
        "other:m",
        BreakerSettings{.trip = Trip::compile(trip).value()},
        policy.around->log,
        Clock::real()
    );
  }
  Result<int> run(std::function<Async<int>(int)> operation) {
    return testing::run(context, resilience::run<int>(scope, policy, std::move(operation)));
  }
  bool counted(std::string_view line) {
    return metrics.text().find(std::string(line) + "\n") != std::string::npos;
  }
};

Async<int> fails_before(int attempt, int good) {
  if (attempt < good)
    co_return fail(Error{.code = Code::unknown, .message = "attempt " + std::to_string(attempt)});
  co_return attempt;
}

asio::awaitable<Result<int>> hangs() {
  asio::steady_timer never(
      co_await asio::this_coro::executor, asio::steady_timer::time_point::max()
  );
  co_await never.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return fail(Code::cancelled, "cut");
}

TEST_CASE("an empty policy runs the operation once", "[resilience]") {
  Bench bench;
  bench.policy = {};
  CHECK(
      bench.run([](int attempt) { return fails_before(attempt, 2); }).error().message == "attempt 1"
  );
}

TEST_CASE("failures are retried and recovery is told once", "[resilience]") {
  Bench bench;
  bench.retry(3);
  CHECK(bench.run([](int attempt) { return fails_before(attempt, 3); }) == 3);
  CHECK(bench.waits == std::vector<std::chrono::nanoseconds>{10ms, 10ms});
  REQUIRE(bench.lines.size() == 2);
  CHECK(
      bench.lines[0].find(
          R"(level=warning msg="Error processing operation endpoint[other, other:m]. Retrying in 10ms…")"
      ) != std::string::npos
  );
  CHECK(
      bench.lines[1].find(
          R"(level=info msg="Recovered processing operation endpoint[other, other:m] after 3 attempts")"
      ) != std::string::npos
  );
  CHECK(bench.counted(
      R"(dapr_resiliency_count{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="retry",status="",target="app_other"} 1)"
  ));
  CHECK(bench.counted(
      R"(dapr_resiliency_activations_total{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="retry",status="",target="app_other"} 1)"
  ));
}

TEST_CASE("exhausted retries give the last failure", "[resilience]") {
  Bench bench;
  bench.retry(2);
  CHECK(
      bench.run([](int attempt) { return fails_before(attempt, 99); }).error().message ==
      "attempt 3"
  );
  CHECK(bench.lines.size() == 1);
}

TEST_CASE("success at once says nothing", "[resilience]") {
  Bench bench;
  bench.retry(2);
  CHECK(bench.run([](int attempt) { return fails_before(attempt, 1); }) == 1);
  CHECK(bench.lines.empty());
  CHECK_FALSE(bench.counted(R"(dapr_resiliency_activations_total)"));
}

TEST_CASE("each attempt has its own timeout, and a timeout is retried", "[resilience]") {
  Bench bench;
  bench.retry(2);
  bench.policy.timeout = 5ms;
  const auto result =
      bench.run([](int attempt) { return attempt < 3 ? hangs() : fails_before(3, 3); });
  CHECK(result == 3);
  CHECK(bench.counted(
      R"(dapr_resiliency_activations_total{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="timeout",status="",target="app_other"} 2)"
  ));
  const auto late = bench.run([](int) { return hangs(); });
  REQUIRE_FALSE(late);
  CHECK(late.error().message == "context deadline exceeded");
  CHECK(late.error().code == Code::deadline_exceeded);
}

TEST_CASE("every attempt counts for the breaker and its refusal ends the retries", "[resilience]") {
  Bench bench;
  bench.retry(5);
  bench.breaker("consecutiveFailures > 1");
  int calls = 0;
  const auto result = bench.run([&calls](int attempt) {
    ++calls;
    return fails_before(attempt, 99);
  });
  CHECK(result.error().message == "circuit breaker is open");
  CHECK(calls == 2);
  CHECK(bench.counted(
      R"(dapr_resiliency_count{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="circuitbreaker",status="closed",target="app_other"} 1)"
  ));
  CHECK(bench.counted(
      R"(dapr_resiliency_activations_total{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="circuitbreaker",status="open",target="app_other"} 1)"
  ));
  CHECK(bench.counted(
      R"(dapr_resiliency_cb_state{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="circuitbreaker",status="closed",target="app_other"} 1)"
  ));
  bench.retry(0);
  CHECK_FALSE(bench.run([](int attempt) { return fails_before(attempt, 1); }));
  CHECK(bench.counted(
      R"(dapr_resiliency_cb_state{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="circuitbreaker",status="open",target="app_other"} 1)"
  ));
  CHECK(bench.counted(
      R"(dapr_resiliency_cb_state{app_id="app",flow_direction="outbound",name="r",namespace="x",policy="circuitbreaker",status="closed",target="app_other"} 0)"
  ));
}

TEST_CASE("a timeout counts as a failure for the breaker", "[resilience]") {
  Bench bench;
  bench.policy.timeout = 1ms;
  bench.breaker("consecutiveFailures >= 1");
  CHECK_FALSE(bench.run([](int) { return hangs(); }));
  CHECK(bench.policy.breaker->state() == Breaker::State::open);
}

TEST_CASE("a wait that is cut off ends the operation with the last failure", "[resilience]") {
  Bench bench;
  bench.retry(5);
  auto around = *bench.policy.around;
  around.sleep = [](std::chrono::nanoseconds) -> asio::awaitable<bool> { co_return false; };
  bench.policy.around = std::make_shared<const Surroundings>(around);
  CHECK(
      bench.run([](int attempt) { return fails_before(attempt, 99); }).error().message ==
      "attempt 1"
  );
}

}  // namespace
}  // namespace mecha::resilience
