#include <algorithm>

#include "runtime/resilience/policy_set.hpp"

namespace mecha::resilience {

namespace {

using namespace std::chrono_literals;

template <class T>
using Named = std::map<std::string, T, std::less<>>;

constexpr std::array<std::string_view, 5> kBuiltIn{
    "DaprBuiltInServiceRetries",
    "DaprBuiltInActorRetries",
    "DaprBuiltInActorReminderRetries",
    "DaprBuiltInActorNotFoundRetries",
    "DaprBuiltInInitializationRetries"
};
constexpr std::array<std::string_view, kComponentKinds> kKinds{
    "Binding",
    "Configuration",
    "Lock",
    "Pubsub",
    "Crypto",
    "Conversation",
    "Secretstore",
    "Statestore"
};
constexpr int kBuiltInRetriesMin = 3;

Retry constant(std::chrono::nanoseconds wait, int times) {
  Retry retry;
  retry.duration = wait;
  retry.retries_max = times;
  return retry;
}

Retry exponential(std::chrono::nanoseconds cap, int times, std::chrono::nanoseconds elapsed) {
  Retry retry;
  retry.kind = RetrySpec::Kind::exponential;
  retry.interval_max = cap;
  retry.retries_max = times;
  retry.elapsed_max = elapsed;
  return retry;
}

std::array<Retry, 5> built_in_retries() {
  return {
      constant(1s, 3),
      constant(1s, 3),
      exponential(60s, -1, 15min),
      constant(1s, 5),
      exponential(1s, 3, 10s)
  };
}

// All documents in one: policies and targets by name.
struct Merged {
  Named<std::chrono::nanoseconds> timeouts;
  Named<std::shared_ptr<const Retry>> retries;
  Named<std::shared_ptr<const BreakerTemplate>> breakers;
  Named<AppTargetSpec> apps;
  Named<ComponentTargetSpec> components;
  std::array<Retry, 5> built_in = built_in_retries();
};

void merge_retry(Merged& merged, const std::string& name, const RetrySpec& spec, const Log& log) {
  const auto known = std::ranges::find(kBuiltIn, name);
  if (known == kBuiltIn.end()) {
    merged.retries[name] = std::make_shared<const Retry>(spec);
    return;
  }
  const auto which = static_cast<BuiltIn>(known - kBuiltIn.begin());
  if (which == BuiltIn::actor_not_found) {
    log.warn("Attempted override of protected policy " + name + ". Policy will not be overridden");
    return;
  }
  Retry retry(spec);
  if (retry.retries_max < kBuiltInRetriesMin) {
    log.warn("Attempted override of " + name + " did not meet minimum retry count, resetting to 3");
    retry.retries_max = kBuiltInRetriesMin;
  }
  merged.retries[name] = std::make_shared<const Retry>(retry);
  merged.built_in[static_cast<std::size_t>(which)] = retry;
}

// What stands before the first problem stays, as the reference leaves it.
std::optional<Error> merge(Merged& merged, const ResiliencySpec& spec, const Log& log) {
  for (const auto& [name, timeout] : spec.timeouts) merged.timeouts[name] = timeout;
  for (const auto& [name, retry] : spec.retries) merge_retry(merged, name, retry, log);
  for (const auto& [name, breaker] : spec.breakers) {
    auto trip = Trip::compile(breaker.trip);
    if (!trip)
      return std::move(trip).error().context(
          "invalid circuit breaker configuration \"" + name + "\""
      );
    merged.breakers[name] = std::make_shared<const BreakerTemplate>(BreakerTemplate{
        name,
        {.requests_max = std::max(breaker.requests_max, 1U),
         .interval = breaker.interval,
         .timeout = breaker.timeout.count() > 0 ? breaker.timeout : std::chrono::nanoseconds(60s),
         .trip = *std::move(trip)},
        breaker
    });
  }
  for (const auto& [name, target] : spec.apps) merged.apps[name] = target;
  for (const auto& [name, target] : spec.components) merged.components[name] = target;
  return spec.problem;
}

template <class T>
const T* look_up(const Named<T>& map, std::string_view name) {
  const auto it = map.find(name);
  return it == map.end() ? nullptr : &it->second;
}

// The parts that are named; an unknown name is off.
template <class Parts>
Parts resolve(const Merged& merged, const PolicyNames& names) {
  Parts parts;
  if (const auto* timeout = look_up(merged.timeouts, names.timeout);
      timeout && timeout->count() > 0) {
    parts.timeout = *timeout;
  }
  if (const auto* retry = look_up(merged.retries, names.retry)) parts.retry = *retry;
  if (const auto* breaker = look_up(merged.breakers, names.breaker)) parts.breaker = *breaker;
  return parts;
}

// The default policies by name, each part by itself, the most specific first.
PolicyNames defaults(const Merged& merged, const std::vector<std::string>& sequence) {
  PolicyNames names;
  for (const std::string& x : sequence) {
    const std::string prefix = "Default" + x;
    const std::string timeout = prefix + "TimeoutPolicy", retry = prefix + "RetryPolicy",
                      breaker = prefix + "CircuitBreakerPolicy";
    if (names.timeout.empty() && merged.timeouts.contains(timeout)) names.timeout = timeout;
    if (names.retry.empty() && merged.retries.contains(retry)) names.retry = retry;
    if (names.breaker.empty() && merged.breakers.contains(breaker)) names.breaker = breaker;
  }
  return names;
}

}  // namespace

std::string_view built_in_policy(BuiltIn which) { return kBuiltIn[static_cast<std::size_t>(which)]; }
std::string_view kind_name(ComponentKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

void Policies::State::load(std::span<const ResiliencySpec> specs) {
  Merged merged;
  for (const ResiliencySpec& spec : specs) {
    around->log.info("Loading Resiliency configuration: " + spec.name);
    if (const auto problem = merge(merged, spec, around->log)) {
      around->log.error("Could not read resiliency policy " + spec.name + ": " + problem->message);
    } else if (around->metrics != nullptr) {
      around->metrics->count(Metric::resiliency_loaded, {spec.name, spec.name_space});
    }
  }
  for (std::size_t i = 0; i < built_in.size(); ++i) {
    merged.built_in[i].hop_only = static_cast<BuiltIn>(i) == BuiltIn::service;
    built_in[i] = std::make_shared<const Retry>(merged.built_in[i]);
  }
  for (const auto& [name, target] : merged.apps) {
    App& app = apps[name];
    app.parts = resolve<Parts>(merged, target.names);
    if (target.breaker_cache > 0)
      app.breaker_cache = static_cast<std::size_t>(target.breaker_cache);
  }
  for (const auto& [name, target] : merged.components) {
    components[name].parts = {
        resolve<Parts>(merged, target.outbound), resolve<Parts>(merged, target.inbound)
    };
  }
  app_default.parts = resolve<Parts>(merged, defaults(merged, {"App", ""}));
  for (std::size_t kind = 0; kind < kComponentKinds; ++kind) {
    for (const auto direction : {Direction::outbound, Direction::inbound}) {
      const std::string side = direction == Direction::outbound ? "Outbound" : "Inbound";
      const PolicyNames names = defaults(
          merged,
          {std::string(kKinds[kind]) + "Component" + side, "Component" + side, "Component", ""}
      );
      component_defaults[kind].parts[static_cast<std::size_t>(direction)] =
          resolve<Parts>(merged, names);
    }
  }
}

}  // namespace mecha::resilience
