#include "runtime/resilience/policies.hpp"

#include "runtime/base/text.hpp"
#include "runtime/resilience/policy_set.hpp"

namespace mecha::resilience {

void Policy::record(Metric metric, std::string_view policy, std::string_view status) const {
  const std::string_view flow = direction == Direction::outbound ? "outbound" : "inbound";
  around->metrics->count(metric, {around->name, policy, around->name_space, flow, target, status});
}

void Policy::count_use() const {
  if (around->metrics == nullptr || target.empty()) return;
  if (timeout) record(Metric::resiliency_count, "timeout", "");
  if (retry) record(Metric::resiliency_count, "retry", "");
  if (!breaker) return;
  const std::string_view state = Breaker::text(breaker->state());
  record(Metric::resiliency_count, "circuitbreaker", state);
  const std::string_view flow = direction == Direction::outbound ? "outbound" : "inbound";
  for (const std::string_view each : {"closed", "half-open", "open", "unknown"}) {
    around->metrics->gauge(
        Metric::resiliency_cb_state,
        {around->name, "circuitbreaker", around->name_space, flow, target, each},
        each == state ? 1 : 0
    );
  }
}

void Policy::timed_out() const {
  if (around->metrics != nullptr && !target.empty())
    record(Metric::resiliency_activations_total, "timeout", "");
}

void Policy::retrying(std::chrono::nanoseconds wait, const Error& error) const {
  if (around->metrics != nullptr && !target.empty())
    record(Metric::resiliency_activations_total, "retry", "");
  around->log.warn(
      "Error processing operation " + name + ". Retrying in " + text::format_go_duration(wait) + "…"
  );
  if (around->log.enabled(Level::debug)) {
    around->log.debug("Error for operation " + name + " was: " + error.message);
  }
}

void Policy::recovered(int attempts) const {
  around->log.info(
      "Recovered processing operation " + name + " after " + std::to_string(attempts) + " attempts"
  );
}

void Policy::breaker_changed() const {
  if (around->metrics == nullptr || target.empty()) return;
  record(Metric::resiliency_activations_total, "circuitbreaker", Breaker::text(breaker->state()));
}

Policies::Policies() : Policies(Surroundings{}, {}) {}

Policies::Policies(Surroundings around, std::span<const ResiliencySpec> specs)
    : state_(std::make_unique<State>()) {
  if (!specs.empty()) {
    around.name = specs.back().name;
    around.name_space = specs.back().name_space;
  }
  state_->around = std::make_shared<const Surroundings>(std::move(around));
  state_->load(specs);
}

Policies::~Policies() = default;

std::shared_ptr<Breaker> Policies::State::app_breaker(
    const App& app, std::string_view target, std::string_view endpoint
) {
  const std::lock_guard lock(mutex);
  const auto breakers =
      app_breakers.get(target, [&app] { return std::make_shared<Breakers>(app.breaker_cache); });
  return breakers->get(endpoint, [&] {
    return std::make_shared<Breaker>(
        std::string(endpoint), app.parts.breaker->settings, around->log, *around->clock
    );
  });
}

// One for both directions: who comes first decides what it is like.
std::shared_ptr<Breaker> Policies::State::component_breaker(
    const Parts& parts, std::string_view name
) {
  const std::lock_guard lock(mutex);
  if (const auto it = component_breakers.find(name); it != component_breakers.end())
    return it->second;
  auto made = std::make_shared<Breaker>(
      parts.breaker->name + "-" + std::string(name),
      parts.breaker->settings,
      around->log,
      *around->clock
  );
  component_breakers.emplace(name, made);
  return made;
}

Policy Policies::make(const Parts& parts) const {
  Policy policy;
  policy.timeout = parts.timeout;
  policy.retry = parts.retry;
  policy.around = state_->around;
  return policy;
}

Policy Policies::app_policy(std::string_view target, std::string_view endpoint) const {
  const auto it = state_->apps.find(target);
  const State::App& app = it == state_->apps.end() ? state_->app_default : it->second;
  if (app.parts.empty()) return {};
  Policy policy = make(app.parts);
  if (app.parts.breaker) policy.breaker = state_->app_breaker(app, target, endpoint);
  policy.name.append("endpoint[").append(target).append(", ").append(endpoint).append("]");
  policy.target.append("app_").append(target);
  return policy;
}

Policy Policies::component_policy(std::string_view name, ComponentKind kind, Direction direction)
    const {
  const auto it = state_->components.find(name);
  const State::Component& component =
      it == state_->components.end() ? state_->component_defaults[static_cast<std::size_t>(kind)]
                                     : it->second;
  const Parts& parts = component.parts[static_cast<std::size_t>(direction)];
  if (parts.empty()) return {};
  Policy policy = make(parts);
  policy.direction = direction;
  if (parts.breaker) policy.breaker = state_->component_breaker(parts, name);
  policy.name.append("component[").append(name);
  policy.name.append(direction == Direction::outbound ? "] output" : "] input");
  policy.target.append(kind_name(kind)).append("_").append(name);
  return policy;
}

bool Policies::has_app_target(std::string_view id) const { return state_->apps.contains(id); }

Policy Policies::built_in_service_retry(std::string_view app_id) const {
  return has_app_target(app_id) ? Policy{} : built_in(BuiltIn::service);
}

Policy Policies::built_in(BuiltIn which) const {
  Policy policy = make({.retry = state_->built_in[static_cast<std::size_t>(which)]});
  policy.name = built_in_name(which);
  return policy;
}

}  // namespace mecha::resilience
