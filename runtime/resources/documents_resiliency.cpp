// Resiliency (contract 06, section 4.1): first all types, then the values in the order of the contract.

#include <functional>

#include "runtime/base/text.hpp"
#include "runtime/resources/documents.hpp"

namespace mecha::documents {
namespace {

using std::chrono::nanoseconds;

// Values are decoded after the types of the whole document have been seen, and only until the first that is wrong.
struct Step {
  int line;
  std::function<Result<void>()> run;
};
using Steps = std::vector<Step>;

Result<nanoseconds> duration(std::string_view text) {
  const auto value = text::duration_or(text, std::chrono::milliseconds(1));
  if (!value) return fail(Code::invalid_argument, "time: invalid duration " + text::quote(text));
  return *value;
}

Result<CodeRanges> code_ranges(std::string_view text, int least, int most) {
  CodeRanges ranges;
  if (text.empty()) return ranges;
  for (const auto item : text::split(text, ',')) {
    const auto dash = item.find('-');
    const auto from = text::to_int(item.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : text::to_int(item.substr(dash + 1));
    if (!from || !to || *from < least || *to > most || *to < *from) {
      return fail(
          Code::invalid_argument, "invalid status code " + text::quote(item) + ": codes are numbers or ranges from " +
                                      std::to_string(least) + " to " + std::to_string(most) + " without spaces"
      );
    }
    ranges.emplace_back(static_cast<int>(*from), static_cast<int>(*to));
  }
  return ranges;
}

struct RawRetry {
  std::string name, policy, duration, interval_max, http_codes, grpc_codes;
  std::int64_t retries_max = -1;
};

Result<RetrySpec> decode_retry(const RawRetry& raw) {
  RetrySpec spec;
  if (text::equals_nocase(raw.policy, "exponential")) {
    spec.kind = RetrySpec::Kind::exponential;
  } else if (!raw.policy.empty() && !text::equals_nocase(raw.policy, "constant")) {
    return fail(Code::invalid_argument, "unexpected back off policy type: " + raw.policy);
  }
  if (!raw.duration.empty()) {
    MECHA_TRY(spec.duration, duration(raw.duration));
  }
  if (!raw.interval_max.empty()) {
    MECHA_TRY(spec.interval_max, duration(raw.interval_max));
  }
  spec.retries_max = static_cast<int>(raw.retries_max);
  MECHA_TRY(spec.http_codes, code_ranges(raw.http_codes, 100, 599));
  MECHA_TRY(spec.grpc_codes, code_ranges(raw.grpc_codes, 0, 16));
  return spec;
}

int line_of(const yaml::Node* node, std::string_view name) {
  const auto* member = node == nullptr ? nullptr : node->find(name);
  return member == nullptr ? 0 : member->line;
}

void read_timeouts(View& policies, ResiliencySpec& spec, Steps& steps) {
  const auto* node = policies.raw("timeouts");
  for (auto& [name, text] : policies.text_map("timeouts")) {
    steps.emplace_back(line_of(node, name), [&spec, name, text]() -> Result<void> {
      const auto value = duration(text);
      if (!value) return fail(Error(value.error()).context("invalid duration " + text::quote(name) + ", " + text));
      spec.timeouts.insert_or_assign(name, *value);
      return {};
    });
  }
}

void read_retries(View& policies, ResiliencySpec& spec, Steps& steps) {
  for (auto& [name, view] : policies.entries("retries")) {
    RawRetry raw{.name = name, .policy = view.text("policy"), .duration = view.text("duration")};
    raw.interval_max = view.text("maxInterval");
    raw.retries_max = view.integer("maxRetries").value_or(-1);
    View matching = view.object("matching");
    raw.http_codes = matching.text("httpStatusCodes");
    raw.grpc_codes = matching.text("gRPCStatusCodes");
    matching.done();
    view.done();
    steps.emplace_back(view.line(), [&spec, raw]() -> Result<void> {
      auto retry = decode_retry(raw);
      if (!retry) return fail(std::move(retry).error().context("invalid retry configuration " + text::quote(raw.name)));
      spec.retries.insert_or_assign(raw.name, *std::move(retry));
      return {};
    });
  }
}

void read_breakers(View& policies, ResiliencySpec& spec, Steps& steps) {
  for (auto& [name, view] : policies.entries("circuitBreakers")) {
    BreakerSpec breaker;
    const auto requests = view.integer("maxRequests").value_or(1);
    if (requests < 0 || requests > std::int64_t{UINT32_MAX}) view.problem_at("maxRequests", "must not be negative");
    breaker.requests_max = static_cast<std::uint32_t>(requests);
    const auto interval = view.text("interval");
    const auto timeout = view.text("timeout");
    breaker.trip = view.text("trip");
    view.done();
    steps.emplace_back(view.line(), [&spec, name, breaker, interval, timeout]() mutable -> Result<void> {
      for (auto& [text, field] : {std::pair(&interval, &breaker.interval), std::pair(&timeout, &breaker.timeout)}) {
        if (text->empty()) continue;
        const auto value = duration(*text);
        if (!value) {
          return fail(Error(value.error()).context("invalid circuit breaker configuration " + text::quote(name)));
        }
        *field = *value;
      }
      spec.breakers.insert_or_assign(name, breaker);
      return {};
    });
  }
}

PolicyNames read_names(View& view) {
  return {.timeout = view.text("timeout"), .retry = view.text("retry"), .breaker = view.text("circuitBreaker")};
}

Result<ActorTargetSpec::Scope> actor_scope(std::string_view text) {
  if (text == "type") return ActorTargetSpec::Scope::type;
  if (text == "id") return ActorTargetSpec::Scope::id;
  if (text == "both") return ActorTargetSpec::Scope::both;
  if (text.empty()) return fail(Code::invalid_argument, "actor circuit breakers must include scope");
  return fail(Code::invalid_argument, "unknown circuit breaker scope " + text::quote(text) + ", it is type, id or both");
}

void read_actors(View& targets, ResiliencySpec& spec, Steps& steps) {
  for (auto& [name, view] : targets.entries("actors")) {
    ActorTargetSpec target{.names = read_names(view)};
    target.breaker_cache = static_cast<int>(view.integer("circuitBreakerCacheSize").value_or(0));
    const auto scope = view.text("circuitBreakerScope");
    view.done();
    steps.emplace_back(view.line(), [&spec, name, target, scope]() mutable -> Result<void> {
      if (!target.names.breaker.empty()) {
        MECHA_TRY(target.scope, actor_scope(scope));
      }
      spec.actors.insert_or_assign(name, target);
      return {};
    });
  }
}

void read_targets(View& targets, ResiliencySpec& spec, Steps& steps) {
  for (auto& [name, view] : targets.entries("apps")) {
    AppTargetSpec target{.names = read_names(view)};
    target.breaker_cache = static_cast<int>(view.integer("circuitBreakerCacheSize").value_or(0));
    view.done();
    steps.emplace_back(view.line(), [&spec, name, target]() -> Result<void> {
      spec.apps.insert_or_assign(name, target);
      return {};
    });
  }
  read_actors(targets, spec, steps);
  for (auto& [name, view] : targets.entries("components")) {
    ComponentTargetSpec target;
    View outbound = view.object("outbound");
    target.outbound = read_names(outbound);
    outbound.done();
    View inbound = view.object("inbound");
    target.inbound = read_names(inbound);
    inbound.done();
    view.done();
    steps.emplace_back(view.line(), [&spec, name, target]() -> Result<void> {
      spec.components.insert_or_assign(name, target);
      return {};
    });
  }
}

}  // namespace

namespace {

// What stands behind the first problem is looked at, but not kept.
void decode(ResiliencySpec& spec, const Steps& steps) {
  std::optional<ResiliencySpec> kept;
  std::vector<ResiliencySpec::Fault> faults;
  for (const auto& [line, run] : steps) {
    auto result = run();
    if (result) continue;
    faults.push_back({.line = line, .text = result.error().message});
    if (kept) continue;
    spec.problem = std::move(result).error();
    kept = spec;
  }
  if (kept) spec = *std::move(kept);
  spec.faults = std::move(faults);
}

}  // namespace

ResiliencySpec read_resiliency(View& doc, Location where) {
  ResiliencySpec spec;
  spec.location = where;
  View metadata = doc.object("metadata");
  spec.name = metadata.text("name");
  spec.name_space = metadata.text("namespace");
  View body = doc.object("spec");
  View policies = body.object("policies");
  Steps steps;
  read_timeouts(policies, spec, steps);
  read_retries(policies, spec, steps);
  read_breakers(policies, spec, steps);
  policies.done();
  View targets = body.object("targets");
  read_targets(targets, spec, steps);
  targets.done();
  body.done();
  doc.raw("apiVersion");
  spec.scopes = doc.texts("scopes");
  doc.done();
  decode(spec, steps);
  return spec;
}

}  // namespace mecha::documents
