// middleware.http.sentinel: flow and isolation rules, and what is refused.

#include "components/middleware/sentinel_rules.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/middleware_suite.hpp"

namespace mecha::middleware {
void register_sentinel(Catalog& catalog);
}

using namespace mecha;
using middleware::SentinelRules;
using namespace std::chrono_literals;
using conformance::MiddlewareBench;
using conformance::request_to;

namespace {

class Still final : public Clock {
 public:
  Mono now() const override { return time; }
  Mono time{1h};
};

std::string start_error(MiddlewareBench::Settings settings) {
  return MiddlewareBench(middleware::register_sentinel, "middleware.http.sentinel", std::move(settings)).start_error();
}

}  // namespace

TEST_CASE("a flow rule lets so many pass within its interval", "[middleware][sentinel]") {
  Still clock;
  const auto rules = SentinelRules::parse({.flow = R"([{"resource": "GET:/a", "threshold": 2}])"}, clock).value();
  CHECK(rules->enter("GET:/a") == 0);
  CHECK(rules->enter("GET:/a") == 0);
  CHECK_FALSE(rules->enter("GET:/a").has_value());
  CHECK(rules->enter("POST:/a") == 0);
  clock.time += 400ms;
  CHECK_FALSE(rules->enter("GET:/a").has_value());
  clock.time += 600ms;
  CHECK(rules->enter("GET:/a") == 0);
}

TEST_CASE("a flow rule may have an interval of its own", "[middleware][sentinel]") {
  Still clock;
  const auto rules = SentinelRules::parse({.flow = R"([{"resource": "r", "threshold": 1, "statIntervalInMs": 60000}])"}, clock).value();
  CHECK(rules->enter("r") == 0);
  clock.time += 59s;
  CHECK_FALSE(rules->enter("r").has_value());
  clock.time += 1s;
  CHECK(rules->enter("r") == 0);
}

TEST_CASE("a queue spaces requests and is bounded", "[middleware][sentinel]") {
  Still clock;
  const auto rules =
      SentinelRules::parse({.flow = R"([{"resource": "r", "threshold": 10, "controlBehavior": 1, "maxQueueingTimeMs": 250}])"}, clock).value();
  CHECK(rules->enter("r") == 0);
  CHECK(rules->enter("r") == 100);
  CHECK(rules->enter("r") == 200);
  CHECK_FALSE(rules->enter("r").has_value());
  clock.time += 1s;
  CHECK(rules->enter("r") == 0);
}

TEST_CASE("an isolation rule counts what is under way", "[middleware][sentinel]") {
  const auto rules = SentinelRules::parse({.isolation = R"([{"resource": "r", "threshold": 1, "metricType": 0}])"}).value();
  CHECK(rules->enter("r") == 0);
  CHECK_FALSE(rules->enter("r").has_value());
  rules->leave("r", rules->now_ms());
  CHECK(rules->enter("r") == 0);
}

TEST_CASE("a breaker opens at a ratio of slow requests, and closes after a quick one", "[middleware][sentinel]") {
  Still clock;
  const auto rules = SentinelRules::parse(
      {.breaker = R"([{"resource": "r", "strategy": 0, "maxAllowedRtMs": 10, "threshold": 0.5, "minRequestAmount": 2,
                       "statIntervalMs": 1000, "retryTimeoutMs": 3000}])"},
      clock
  ).value();
  const auto request = [&](std::chrono::milliseconds takes) {
    const auto entered = rules->now_ms();
    if (!rules->enter("r")) return false;
    clock.time += takes;
    rules->leave("r", entered);
    return true;
  };
  CHECK(request(20ms));  // one alone is no reason
  CHECK(request(10ms));  // half of two
  CHECK_FALSE(request(0ms));
  clock.time += 3s;
  CHECK(request(11ms));  // finds out that it is still slow
  CHECK_FALSE(request(0ms));
  clock.time += 3s;
  const auto entered = rules->now_ms();
  CHECK(rules->enter("r"));
  CHECK_FALSE(rules->enter("r"));  // beside the one that finds out
  rules->leave("r", entered);
  CHECK(request(20ms));  // what was before is forgotten
  CHECK(rules->enter("r"));
  CHECK(rules->enter("other"));
}

TEST_CASE("a breaker may ask for several quick requests", "[middleware][sentinel]") {
  middleware::SlowBreaker breaker({.interval_ms = 1000, .slots = 2, .retry_ms = 100, .slow_ms = 10, .ratio = 1, .requests_min = 1, .probes = 2});
  bool probes = false;
  breaker.completed(0, 11);
  CHECK_FALSE(breaker.try_pass(99, probes));
  CHECK(breaker.try_pass(100, probes));
  CHECK(probes);
  breaker.give_back();
  CHECK(breaker.try_pass(101, probes));
  CHECK(probes);
  breaker.completed(102, 1);
  CHECK(breaker.try_pass(103, probes));
  CHECK_FALSE(probes);
  breaker.completed(104, 11);  // the second is slow
  CHECK_FALSE(breaker.try_pass(105, probes));
}

TEST_CASE("rules of the system count all requests", "[middleware][sentinel]") {
  Still clock;
  const auto with = [&](std::string_view text) { return SentinelRules::parse({.system = text}, clock).value(); };
  const auto together = with(R"([{"metricType": 2, "triggerCount": 1}])");
  CHECK(together->enter("a"));
  CHECK_FALSE(together->enter("b"));
  together->leave("a", together->now_ms());
  CHECK(together->enter("b"));

  const auto rate = with(R"([{"metricType": 3, "triggerCount": 2, "strategy": -1}])");
  CHECK(rate->enter("a"));
  CHECK(rate->enter("b"));
  CHECK_FALSE(rate->enter("c"));
  clock.time += 1s;
  CHECK(rate->enter("c"));

  const auto mean = with(R"([{"metricType": 1, "triggerCount": 5}])");
  for (const auto takes : {4ms, 6ms}) {
    const auto entered = mean->now_ms();
    CHECK(mean->enter("a"));
    clock.time += takes;
    mean->leave("a", entered);
  }
  CHECK_FALSE(mean->enter("a"));  // 5 ms of both
  clock.time += 1s;
  CHECK(mean->enter("a"));
}

TEST_CASE("rules that never act are told", "[middleware][sentinel]") {
  const auto rules = SentinelRules::parse({
      .breaker = R"([{"resource": "r", "strategy": 1, "threshold": 1, "statIntervalMs": 1, "retryTimeoutMs": 1}])",
      .parameter = R"([{"resource": "r"}])",
  }).value();
  CHECK(rules->idle() == std::vector<std::string>{
      "circuitBreakerRules that count errors: requests have none to it", "hotSpotParamRules: requests have no parameters to it"});
}

TEST_CASE("rules that cannot be kept are refused by name", "[middleware][sentinel]") {
  const auto why = [](std::string_view flows, std::string_view isolations = "") {
    const auto parsed = SentinelRules::parse({.flow = flows, .isolation = isolations});
    return parsed ? std::string() : parsed.error().message;
  };
  CHECK(why("{}") == "flowRules: they must be a JSON array");
  CHECK(why(R"([{"threshold": 1}])") == "flowRules: resource is missing");
  CHECK(why(R"([{"resource": "r", "threshold": "x"}])") == "flowRules: threshold must be a number that is not negative");
  CHECK(why(R"([{"resource": "r", "tokenCalculateStrategy": 1}])") ==
        "flowRules: tokenCalculateStrategy: a threshold that warms up or follows the memory is not in this build");
  CHECK(why(R"([{"resource": "r", "lowMemUsageThreshold": 1}])") == "flowRules: lowMemUsageThreshold is not known to this build");
  CHECK(why("", R"([{"resource": "r"}])") == "isolationRules: threshold must be above zero");
  CHECK(start_error({{"systemRules", "[{}]"}}) == "systemRules: metricType: the load and the CPU usage of the system are not in this build");
  CHECK(start_error({{"systemRules", R"([{"metricType": 2, "triggerCount": -1}])"}}) == "systemRules: triggerCount must be a number that is not negative");
  CHECK(start_error({{"circuitBreakerRules", R"([{"resource": "r"}])"}}) == "circuitBreakerRules: statIntervalMs must be above zero");
  CHECK(start_error({{"hotSpotParamRules", "{}"}}) == "hotSpotParamRules: they must be a JSON array");
  CHECK(start_error({{"systemRules", "[]"}}) == "");
  CHECK(start_error({{"flowRules", "x"}}) != "");
}

TEST_CASE("middleware.http.sentinel blocks by method and path, and frees what it held", "[middleware][sentinel]") {
  MiddlewareBench bench(
      middleware::register_sentinel, "middleware.http.sentinel",
      {{"isolationRules", R"([{"resource": "GET:/a b", "threshold": 1}])"}, {"flowRules", R"([{"resource": "GET:/never", "threshold": 0}])"}}
  );
  conformance::middleware(bench, request_to("/b"), request_to("/never"));
  {
    const auto held = bench.enter(request_to("/a%20b"));
    CHECK_FALSE(held.reply.has_value());
    const auto second = bench.enter(request_to("/a%20b?x"));
    REQUIRE(second.reply.has_value());
    CHECK(second.reply->status == 429);
    CHECK(second.reply->body == "Too Many Requests");
  }
  CHECK_FALSE(bench.enter(request_to("/a%20b")).reply.has_value());
}
