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

Policies::Policies(Surroundings around, std::span<const ResiliencySpec> specs, const Policies* previous)
    : state_(std::make_unique<State>()) {
  if (!specs.empty()) {
    around.name = specs.back().name;
    around.name_space = specs.back().name_space;
  }
  state_->around = std::make_shared<const Surroundings>(std::move(around));
  state_->load(specs);
  if (previous != nullptr) state_->adopt(*previous->state_);
}

Policies::~Policies() = default;

namespace {

template <class Template>
bool same(const Template& a, const Template& b) {
  return a != nullptr && b != nullptr && a->name == b->name && a->spec == b->spec;
}

}  // namespace

const Policies::State::App& Policies::State::app(std::string_view target) const {
  const auto it = apps.find(target);
  return it == apps.end() ? app_default : it->second;
}

void Policies::State::adopt(State& previous) {
  const std::lock_guard lock(previous.mutex);
  previous.app_breakers.for_each([&](std::string_view target, const std::shared_ptr<Breakers>& old) {
    const App& now = app(target);
    if (!same(now.parts.breaker, previous.app(target).parts.breaker)) return;
    const auto kept = app_breakers.get(target, [&now] { return std::make_shared<Breakers>(now.breaker_cache); });
    old->for_each([&kept](std::string_view endpoint, const auto& breaker) {
      kept->get(endpoint, [&breaker] { return breaker; });
    });
  });
  const auto parts_of = [](const State& state, const std::string& name, std::size_t side) {
    const auto it = state.components.find(name);
    return it == state.components.end() ? nullptr : it->second.parts[side].breaker;
  };
  for (const auto& [name, breaker] : previous.component_breakers) {
    const bool stays = same(parts_of(*this, name, 0), parts_of(previous, name, 0)) ||
                       same(parts_of(*this, name, 1), parts_of(previous, name, 1));
    if (stays) component_breakers.emplace(name, breaker);
  }
}

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
  const State::App& app = state_->app(target);
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
  policy.name = built_in_policy(which);
  return policy;
}

}  // namespace mecha::resilience
