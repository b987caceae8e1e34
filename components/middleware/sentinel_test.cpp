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
  const auto rules = SentinelRules::parse(R"([{"resource": "GET:/a", "threshold": 2}])", "", clock).value();
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
  const auto rules = SentinelRules::parse(R"([{"resource": "r", "threshold": 1, "statIntervalInMs": 60000}])", "", clock).value();
  CHECK(rules->enter("r") == 0);
  clock.time += 59s;
  CHECK_FALSE(rules->enter("r").has_value());
  clock.time += 1s;
  CHECK(rules->enter("r") == 0);
}

TEST_CASE("a queue spaces requests and is bounded", "[middleware][sentinel]") {
  Still clock;
  const auto rules =
      SentinelRules::parse(R"([{"resource": "r", "threshold": 10, "controlBehavior": 1, "maxQueueingTimeMs": 250}])", "", clock).value();
  CHECK(rules->enter("r") == 0);
  CHECK(rules->enter("r") == 100);
  CHECK(rules->enter("r") == 200);
  CHECK_FALSE(rules->enter("r").has_value());
  clock.time += 1s;
  CHECK(rules->enter("r") == 0);
}

TEST_CASE("an isolation rule counts what is under way", "[middleware][sentinel]") {
  const auto rules = SentinelRules::parse("", R"([{"resource": "r", "threshold": 1, "metricType": 0}])").value();
  CHECK(rules->enter("r") == 0);
  CHECK_FALSE(rules->enter("r").has_value());
  rules->leave("r");
  CHECK(rules->enter("r") == 0);
}

TEST_CASE("rules that cannot be kept are refused by name", "[middleware][sentinel]") {
  const auto why = [](std::string_view flows, std::string_view isolations = "") {
    const auto parsed = SentinelRules::parse(flows, isolations);
    return parsed ? std::string() : parsed.error().message;
  };
  CHECK(why("{}") == "flowRules: they must be a JSON array");
  CHECK(why(R"([{"threshold": 1}])") == "flowRules: resource is missing");
  CHECK(why(R"([{"resource": "r", "threshold": "x"}])") == "flowRules: threshold must be a number that is not negative");
  CHECK(why(R"([{"resource": "r", "tokenCalculateStrategy": 1}])") ==
        "flowRules: tokenCalculateStrategy: a threshold that warms up or follows the memory is not in this build");
  CHECK(why(R"([{"resource": "r", "lowMemUsageThreshold": 1}])") == "flowRules: lowMemUsageThreshold is not known to this build");
  CHECK(why("", R"([{"resource": "r"}])") == "isolationRules: threshold must be above zero");
  CHECK(start_error({{"systemRules", "[{}]"}}) == "systemRules are not in this build; flowRules and isolationRules are");
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
