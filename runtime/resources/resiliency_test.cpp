// Resiliency documents: which are read, and what is kept when a value is wrong.

#include "runtime/resources/loader.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace std::chrono_literals;

namespace {

std::vector<ResiliencySpec> read(std::string_view text, std::vector<Notice>* notices = nullptr) {
  loading::Batch batch;
  loading::read_file(text, "r.yaml", batch);
  auto result = loading::settle(std::move(batch), {.app_id = "app", .name_space = "ns"});
  REQUIRE(result);
  if (notices != nullptr) *notices = result->notices;
  return result->resiliencies;
}

std::string problem(std::string spec) {
  const auto list = read("kind: Resiliency\nmetadata: {name: r}\nspec: " + spec);
  REQUIRE(list.size() == 1);
  return list[0].problem ? list[0].problem->message : "";
}

}  // namespace

TEST_CASE("policies and targets are read with their types", "[resources][resiliency]") {
  const auto list = read(R"(kind: Resiliency
metadata: {name: r, namespace: elsewhere}
scopes: [app]
spec:
  policies:
    timeouts: {t: 5s, bare: 250}
    retries:
      a: {duration: 10, maxRetries: 3, matching: {httpStatusCodes: "429,500-504", gRPCStatusCodes: "4,8-9"}}
      b: {policy: Exponential, maxInterval: 15s}
    circuitBreakers: {cb: {maxRequests: 2, interval: 8s, timeout: 45s, trip: consecutiveFailures > 3}, d: {}}
  targets:
    apps: {other: {timeout: t, retry: a, circuitBreaker: cb, circuitBreakerCacheSize: 7}, none: {}}
    actors: {A: {circuitBreaker: cb, circuitBreakerScope: both, circuitBreakerCacheSize: 9}, B: {retry: a}}
    components: {store: {outbound: {retry: a}, inbound: {timeout: t}}}
)");
  REQUIRE(list.size() == 1);
  const auto& r = list[0];
  CHECK(!r.problem);
  CHECK(r.name == "r");
  CHECK(r.timeouts == ResiliencySpec::Named<std::chrono::nanoseconds>{{"bare", 250ms}, {"t", 5s}});
  const auto& a = r.retries.at("a");
  CHECK(a.kind == RetrySpec::Kind::constant);
  CHECK(a.duration == 10ms);
  CHECK(a.retries_max == 3);
  CHECK(a.http_codes == CodeRanges{{429, 429}, {500, 504}});
  CHECK(a.grpc_codes == CodeRanges{{4, 4}, {8, 9}});
  CHECK(r.retries.at("b").kind == RetrySpec::Kind::exponential);
  CHECK(r.retries.at("b").interval_max == 15s);
  CHECK(r.retries.at("b").retries_max == -1);
  CHECK(r.breakers.at("cb") == BreakerSpec{2, 8s, 45s, "consecutiveFailures > 3"});
  CHECK(r.breakers.at("d") == BreakerSpec{});
  CHECK(r.apps.at("other").names == PolicyNames{"t", "a", "cb"});
  CHECK(r.apps.at("other").breaker_cache == 7);
  CHECK(r.apps.contains("none"));
  CHECK(r.actors.at("A").scope == ActorTargetSpec::Scope::both);
  CHECK(r.components.at("store").inbound.timeout == "t");
}

TEST_CASE("values that cannot be decoded are the problem of the resource", "[resources][resiliency]") {
  CHECK(problem("{}").empty());
  CHECK(problem("{policies: {timeouts: {a: 1x}}}") == "invalid duration \"a\", 1x: time: invalid duration \"1x\"");
  CHECK(problem("{policies: {retries: {r: {policy: wild}}}}").starts_with("invalid retry configuration \"r\": "));
  CHECK(problem("{policies: {retries: {r: {duration: 5y}}}}").starts_with("invalid retry configuration \"r\": "));
  for (const auto* codes : {"\"500, 501\"", "\"99\"", "\"600\"", "\"a\"", "\"503-500\"", "\"500-\"", "\",\""}) {
    INFO(codes);
    CHECK(!problem("{policies: {retries: {r: {matching: {httpStatusCodes: " + std::string(codes) + "}}}}}").empty());
  }
  CHECK(!problem("{policies: {retries: {r: {matching: {gRPCStatusCodes: \"17\"}}}}}").empty());
  CHECK(!problem("{policies: {circuitBreakers: {c: {timeout: x}}}}").empty());
  CHECK(problem("{targets: {actors: {A: {circuitBreaker: c}}}}") == "actor circuit breakers must include scope");
  CHECK(!problem("{targets: {actors: {A: {circuitBreaker: c, circuitBreakerScope: all}}}}").empty());
  CHECK(problem("{targets: {actors: {A: {retry: c}}}}").empty());
}

TEST_CASE("what was read before a problem stays", "[resources][resiliency]") {
  const auto list = read(
      "kind: Resiliency\nmetadata: {name: r}\nspec: {policies: {timeouts: {a: 1s}, retries: {r: {policy: wild}}}, "
      "targets: {apps: {x: {timeout: a}}}}"
  );
  REQUIRE(list.size() == 1);
  CHECK(list[0].timeouts.size() == 1);
  CHECK(list[0].retries.empty());
  CHECK(list[0].apps.empty());
}

TEST_CASE("only the first document of a file counts, in scope, and with right types", "[resources][resiliency]") {
  CHECK(read("---\n# c\n---\nkind: Resiliency\nmetadata: {name: a}\n---\nkind: Resiliency\nmetadata: {name: b}\n").size() == 1);
  CHECK(read("kind: Other\n---\nkind: Resiliency\nmetadata: {name: b}\n").empty());
  CHECK(read("kind: Resiliency\nmetadata: {name: a}\nscopes: [other]\n").empty());
  std::vector<Notice> notices;
  CHECK(read("kind: Resiliency\nmetadata: {name: a}\nspec: {policies: {retries: {r: {maxRetries: x}}}}", &notices).empty());
  REQUIRE(notices.size() == 1);
  CHECK(
      notices[0].text ==
      "error when parsing manifests yaml resource in r.yaml: line 3: spec.policies.retries.r.maxRetries must be a whole "
      "number, got a text"
  );
}

TEST_CASE("every value that cannot be decoded is a fault with its line; what stands behind the first is not kept", "[resources][resiliency]") {
  const auto list = read(
      "kind: Resiliency\nmetadata: {name: r}\nspec:\n  policies:\n    timeouts:\n      a: 1s\n      b: 5x\n    retries:\n      bad: {policy: wild}\n      good: {duration: 1s}\n"
  );
  REQUIRE(list.size() == 1);
  const auto& r = list[0];
  REQUIRE(r.faults.size() == 2);
  CHECK((r.faults[0].line == 7 && r.faults[0].text == r.problem->message));
  CHECK((r.faults[1].line == 9 && r.faults[1].text.find("wild") != std::string::npos));
  CHECK((r.timeouts.contains("a") && r.retries.empty()));
}
