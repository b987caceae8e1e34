#include "runtime/resilience/policies.hpp"

#include "tests/catch.hpp"

namespace mecha::resilience {
namespace {

using namespace std::chrono_literals;

RetrySpec retry(int times) {
  RetrySpec spec;
  spec.duration = 10ms;
  spec.retries_max = times;
  return spec;
}

ResiliencySpec named(std::string name) {
  ResiliencySpec spec;
  spec.name = std::move(name);
  return spec;
}

Policies build(const ResiliencySpec& spec) { return Policies(Surroundings{}, std::array{spec}); }

TEST_CASE("without documents nothing applies but what is built in", "[resilience]") {
  const Policies policies;
  CHECK(policies.app_policy("other", "other:x").empty());
  CHECK(policies.component_policy("store", ComponentKind::statestore, Direction::outbound).empty());
  const Policy service = policies.built_in_service_retry("other");
  CHECK(service.name == "DaprBuiltInServiceRetries");
  REQUIRE(service.retry);
  CHECK(service.retry->duration == 1s);
  CHECK(service.retry->retries_max == 3);
  CHECK(service.retry->hop_only);
  const Policy start = policies.built_in(BuiltIn::initialization);
  CHECK(start.retry->kind == RetrySpec::Kind::exponential);
  CHECK(start.retry->interval_max == 1s);
  CHECK(start.retry->elapsed_max == 10s);
  CHECK_FALSE(start.retry->hop_only);
}

TEST_CASE("an app's entry gives its parts, names and label", "[resilience]") {
  ResiliencySpec spec = named("r");
  spec.timeouts["t"] = 5s;
  spec.retries["twice"] = retry(2);
  spec.breakers["c"] = {};
  spec.apps["other"].names = {.timeout = "t", .retry = "twice", .breaker = "c"};
  spec.apps["typo"].names = {.timeout = "nosuch", .retry = "nosuch", .breaker = "nosuch"};
  const Policies policies = build(spec);
  const Policy policy = policies.app_policy("other", "other:flaky");
  CHECK(policy.name == "endpoint[other, other:flaky]");
  CHECK(policy.target == "app_other");
  CHECK(policy.timeout == 5s);
  CHECK(policy.retry->retries_max == 2);
  CHECK(policy.breaker);
  CHECK(policies.app_policy("typo", "typo:x").empty());
  CHECK(policies.app_policy("other.ns", "other.ns:x").empty());
}

TEST_CASE(
    "an explicit entry switches the built-in retry off, default policies do not", "[resilience]"
) {
  ResiliencySpec spec = named("r");
  spec.apps["gone"] = {};
  spec.retries["DefaultRetryPolicy"] = retry(1);
  const Policies policies = build(spec);
  CHECK(policies.built_in_service_retry("gone").empty());
  CHECK_FALSE(policies.built_in_service_retry("other").empty());
}

TEST_CASE("app breakers are one per endpoint, the least used is forgotten", "[resilience]") {
  ResiliencySpec spec = named("r");
  spec.breakers["c"] = {};
  spec.apps["other"] = {.names = {.breaker = "c"}, .breaker_cache = 2};
  const Policies policies = build(spec);
  const auto breaker = [&](std::string_view endpoint) {
    return policies.app_policy("other", endpoint).breaker;
  };
  const auto a = breaker("other:a"), b = breaker("other:b");
  CHECK(a != b);
  CHECK(breaker("other:a") == a);
  const auto c = breaker("other:c");
  CHECK(breaker("other:a") == a);
  CHECK(breaker("other:b") != b);
}

TEST_CASE("defaults go by name, each part by itself, the most specific first", "[resilience]") {
  ResiliencySpec spec = named("r");
  spec.retries["DefaultRetryPolicy"] = retry(9);
  spec.retries["DefaultAppRetryPolicy"] = retry(2);
  spec.timeouts["DefaultTimeoutPolicy"] = 400ms;
  spec.retries["DefaultComponentRetryPolicy"] = retry(8);
  spec.retries["DefaultComponentOutboundRetryPolicy"] = retry(7);
  spec.retries["DefaultBindingComponentOutboundRetryPolicy"] = retry(1);
  spec.apps["named"] = {};
  spec.components["none"].inbound.retry = "DefaultRetryPolicy";
  const Policies policies = build(spec);
  const Policy app = policies.app_policy("any", "any:x");
  CHECK(app.retry->retries_max == 2);
  CHECK(app.timeout == 400ms);
  const auto times = [&](std::string_view name, ComponentKind kind, Direction direction) {
    const Policy policy = policies.component_policy(name, kind, direction);
    return policy.retry ? policy.retry->retries_max : -2;
  };
  CHECK(times("x", ComponentKind::binding, Direction::outbound) == 1);
  CHECK(times("x", ComponentKind::statestore, Direction::outbound) == 7);
  CHECK(times("x", ComponentKind::binding, Direction::inbound) == 8);
  CHECK(policies.app_policy("named", "named:x").empty());
  CHECK(policies.component_policy("none", ComponentKind::binding, Direction::outbound).empty());
  CHECK(times("none", ComponentKind::binding, Direction::inbound) == 9);
}

TEST_CASE("breakers go on in the next policies where theirs is the same", "[resilience]") {
  ResiliencySpec spec = named("r");
  spec.breakers["kept"] = {};
  spec.breakers["changed"] = {.timeout = 1s};
  spec.apps["a"].names.breaker = "kept";
  spec.apps["b"].names.breaker = "changed";
  spec.components["s"].outbound.breaker = "kept";
  spec.components["t"].inbound.breaker = "changed";
  const Policies before = build(spec);
  const auto breakers_of = [](const Policies& policies) {
    return std::array{
        policies.app_policy("a", "a:x").breaker,
        policies.component_policy("s", ComponentKind::statestore, Direction::outbound).breaker,
        policies.app_policy("b", "b:x").breaker,
        policies.component_policy("t", ComponentKind::pubsub, Direction::inbound).breaker
    };
  };
  const auto old = breakers_of(before);
  spec.breakers["changed"] = {.timeout = 2s};
  spec.retries["new"] = retry(1);
  spec.apps["a"].names.retry = "new";
  const Policies after(Surroundings{}, std::array{spec}, &before);
  const auto now = breakers_of(after);
  CHECK(now[0] == old[0]);
  CHECK(now[1] == old[1]);
  CHECK(now[2] != old[2]);
  CHECK(now[3] != old[3]);
  CHECK(after.app_policy("a", "a:x").retry->retries_max == 1);
}

TEST_CASE("a component has one breaker for both directions", "[resilience]") {
  std::vector<std::string> lines;
  ResiliencySpec spec = named("r");
  spec.breakers["one"] = {.trip = "consecutiveFailures >= 1"};
  spec.components["brk"].outbound.breaker = "one";
  spec.components["brk"].inbound.breaker = "one";
  const Policies policies({.log = Log(make_memory_sink(lines), "dapr.runtime")}, std::array{spec});
  const Policy out = policies.component_policy("brk", ComponentKind::binding, Direction::outbound);
  const Policy in = policies.component_policy("brk", ComponentKind::binding, Direction::inbound);
  CHECK(out.breaker == in.breaker);
  CHECK(out.name == "component[brk] output");
  CHECK(in.name == "component[brk] input");
  CHECK(out.target == "Binding_brk");
  out.breaker->done(out.breaker->admit().value(), false);
  CHECK(
      lines.back().find(R"(Circuit breaker \"one-brk\" changed state from closed to open)") !=
      std::string::npos
  );
}

TEST_CASE(
    "later documents win by name and a failing one keeps what stood before its problem",
    "[resilience]"
) {
  std::vector<std::string> lines;
  ResiliencySpec first = named("first"), second = named("second"), third = named("third");
  first.retries["shared"] = retry(1);
  first.apps["a"].names.retry = "shared";
  second.retries["shared"] = retry(3);
  third.problem = Error{.message = "invalid retry configuration \"x\": why"};
  const Policies policies(
      {.log = Log(make_memory_sink(lines), "dapr.runtime")}, std::array{first, second, third}
  );
  CHECK(policies.app_policy("a", "a:x").retry->retries_max == 3);
  REQUIRE(lines.size() == 4);
  CHECK(
      lines[0].find(R"(level=info msg="Loading Resiliency configuration: first")") !=
      std::string::npos
  );
  CHECK(
      lines[3].find(
          R"(level=error msg="Could not read resiliency policy third: invalid retry configuration \"x\": why")"
      ) != std::string::npos
  );
}

TEST_CASE("a trip that does not parse ends its document before the targets", "[resilience]") {
  std::vector<std::string> lines;
  ResiliencySpec spec = named("r");
  spec.retries["twice"] = retry(2);
  spec.breakers["c"] = {.trip = "nope >"};
  spec.apps["a"].names.retry = "twice";
  const Policies policies({.log = Log(make_memory_sink(lines), "dapr.runtime")}, std::array{spec});
  CHECK(policies.app_policy("a", "a:x").empty());
  CHECK(lines.back().find("Could not read resiliency policy r: ") != std::string::npos);
}

TEST_CASE(
    "built-in retries can be overridden, with at least three retries, except the protected one",
    "[resilience]"
) {
  ResiliencySpec spec = named("r");
  spec.retries["DaprBuiltInServiceRetries"] = retry(-1);
  spec.retries["DaprBuiltInActorRetries"] = retry(5);
  spec.retries["DaprBuiltInActorNotFoundRetries"] = retry(9);
  const Policies policies = build(spec);
  const Policy service = policies.built_in_service_retry("x");
  CHECK(service.retry->retries_max == 3);
  CHECK(service.retry->duration == 10ms);
  CHECK(service.retry->hop_only);
  CHECK(policies.built_in(BuiltIn::actor).retry->retries_max == 5);
  CHECK(policies.built_in(BuiltIn::actor_not_found).retry->retries_max == 5);
}

TEST_CASE("loading counts with the labels of the last document", "[resilience]") {
  Metrics metrics({.app_id = "app"});
  ResiliencySpec a = named("a"), b = named("b");
  b.name_space = "x";
  const Policies policies({.metrics = &metrics}, std::array{a, b});
  CHECK(
      metrics.text().find("dapr_resiliency_loaded{app_id=\"app\",name=\"b\",namespace=\"x\"} 1\n"
      ) != std::string::npos
  );
  CHECK(
      metrics.text().find("dapr_resiliency_loaded{app_id=\"app\",name=\"a\",namespace=\"\"} 1\n") !=
      std::string::npos
  );
}

}  // namespace
}  // namespace mecha::resilience
