// Host: resources become components, components become the snapshot.

#include <set>

#include "components/bindings/binding.hpp"
#include "components/crypto/crypto_provider.hpp"
#include "components/configuration/configuration_store.hpp"
#include "components/loader.hpp"
#include "components/lock/lock_store.hpp"
#include "components/middleware/pipeline.hpp"
#include "components/pubsub/pubsub.hpp"
#include "components/state/state_store.hpp"
#include "runtime/capabilities/bindings/input.hpp"
#include "runtime/capabilities/lock/lock.hpp"
#include "runtime/capabilities/pubsub/rules.hpp"
#include "runtime/capabilities/state/encryption.hpp"
#include "runtime/capabilities/state/key.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/daemon/turn.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/security/access_control.hpp"

namespace mecha {
namespace {

// Actor stores are told apart only where there are actors.
Result<void> check_actor_store(const ComponentSpec& spec, bool actors, std::string& actor_store) {
  const auto marked = spec.value("actorStateStore");
  if (!actors || spec.category() != "state" || !marked || !text::truthy(*marked)) return {};
  if (!actor_store.empty() && actor_store != spec.name) {
    return fail(
        Code::invalid_argument,
        "detected duplicate actor state store: " + actor_store + " and " + spec.name
    );
  }
  actor_store = spec.name;
  return {};
}

// A store that was meant to encrypt and does not is told of.
Result<void> check_encryption(const ComponentSpec& spec, const Log& log) {
  if (spec.category() != "state") return {};
  MECHA_TRY(const auto encryption, state::Encryption::of(spec));
  if (!encryption && spec.value("primaryEncryptionKey").value_or("").size() > 0) {
    log.warn("Component " + spec.name + " has an encryption key but no secret store: it stores without encryption");
  }
  return {};
}

template <class C>
void place(Snapshot::Named<C>& map, const LoadedComponent& component, std::shared_ptr<C> instance) {
  map[component.spec->name] = Loaded<C>{
      .spec = component.spec,
      .instance = std::move(instance),
      .state = component.state,
      .error = component.error,
  };
}

void place_binding(Snapshot& snapshot, const LoadedComponent& component, std::vector<std::string>& capabilities) {
  const auto binding = std::dynamic_pointer_cast<bindings::Binding>(component.instance);
  if (binding == nullptr) return;
  const auto direction = component.spec->value("direction");
  const bool all = !direction || direction->empty();
  if (auto* input = binding->input(); input != nullptr && (all || bindings::has_direction(*component.spec, "input"))) {
    place<bindings::InputBinding>(snapshot.input_bindings, component, {binding, input});
    capabilities.emplace_back("INPUT_BINDING");
  }
  if (auto* output = binding->output(); output != nullptr && (all || bindings::has_direction(*component.spec, "output"))) {
    place<bindings::OutputBinding>(snapshot.output_bindings, component, {binding, output});
    capabilities.emplace_back("OUTPUT_BINDING");
  }
}

void place_component(Snapshot& snapshot, const LoadedComponent& component) {
  ComponentEntry entry{.spec = component.spec, .instance = component.instance, .state = component.state};
  entry.capabilities = component.instance->features();
  if (auto store = std::dynamic_pointer_cast<state::StateStore>(component.instance)) {
    const std::set<std::string> features(entry.capabilities.begin(), entry.capabilities.end());
    if (features.contains("ETAG") && features.contains("TRANSACTIONAL")) entry.capabilities.emplace_back("ACTOR");
    place(snapshot.state_stores, component, std::move(store));
  } else if (auto broker = std::dynamic_pointer_cast<pubsub::PubSub>(component.instance)) {
    place(snapshot.pubsubs, component, std::move(broker));
  } else if (auto secrets = std::dynamic_pointer_cast<secrets::SecretStore>(component.instance)) {
    place(snapshot.secret_stores, component, std::move(secrets));
  } else if (auto locks = std::dynamic_pointer_cast<lock::LockStore>(component.instance)) {
    place(snapshot.locks, component, std::move(locks));
  } else if (auto items = std::dynamic_pointer_cast<configuration::ConfigurationStore>(component.instance)) {
    place(snapshot.configurations, component, std::move(items));
  } else if (auto provider = std::dynamic_pointer_cast<crypto::CryptoProvider>(component.instance)) {
    place(snapshot.cryptos, component, std::move(provider));
  } else {
    place_binding(snapshot, component, entry.capabilities);
  }
  snapshot.components.push_back(std::move(entry));
}

// `coming`: what is still to be loaded; requests wait for middleware among it rather than slip past.
void place_pipelines(Snapshot& snapshot, const ComponentLoader& loader, const std::vector<ComponentSpec>& coming) {
  std::vector<middleware::Candidate> candidates;
  for (const auto* component : loader.ready()) {
    if (auto instance = std::dynamic_pointer_cast<middleware::Middleware>(component->instance)) {
      candidates.push_back({.spec = component->spec, .instance = std::move(instance)});
    }
  }
  for (const auto& spec : coming) {
    if (spec.category() == "middleware") candidates.push_back({.spec = std::make_shared<const ComponentSpec>(spec)});
  }
  const auto& configuration = snapshot.configuration;
  snapshot.http_pipeline = middleware::make_pipeline(configuration.http_pipeline, candidates);
  snapshot.app_http_pipeline = middleware::make_pipeline(configuration.app_http_pipeline, candidates);
}

// Fit for a header.
std::string one_line(std::string text) {
  for (auto& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

std::map<std::string, bool, std::less<>> effective_features(const ConfigurationSpec& configuration) {
  auto features = configuration.features;
  features.try_emplace("HotReload", true);
  features.try_emplace("WorkflowsRemoteActivityReminder", true);
  return features;
}

}  // namespace

// Components as the loader has them now, and everything else as it was last taken over.
std::shared_ptr<const Snapshot> Host::make_snapshot() const {
  auto next = std::make_shared<Snapshot>(base_);
  if (loading_) {
    for (const auto& spec : resources_.components) next->waiting[spec.name] = "pending";
  }
  for (const auto* component : loader_->components()) {
    if (component->state == ComponentState::ready) next->waiting.erase(component->spec->name);
    if (component->state == ComponentState::pending) next->waiting[component->spec->name] = "pending: its secret store is not there";
    if (component->state == ComponentState::failed) {
      next->waiting[component->spec->name] = "failed: " + one_line(component->error.message);
    }
  }
  for (const auto* component : loader_->ready()) {
    place_component(*next, *component);
    const auto trouble = troubles_.find(component->spec->name);
    if (trouble != troubles_.end()) next->waiting[trouble->first] = "down: " + one_line(trouble->second);
  }
  place_pipelines(*next, *loader_, loading_ ? resources_.components : std::vector<ComponentSpec>{});
  return next;
}

void Host::publish(std::shared_ptr<const Snapshot> next) {
  std::erase_if(published_, [](const auto& snapshot) { return snapshot.expired(); });
  published_.push_back(next);
  application_->publish(std::move(next));
}

// By itself, at the start or in the background.
void Host::component_changed() {
  if (changing_) return;
  publish(make_snapshot());
  if (!loading_) spawn(*gate_, shards_.executor(0), follow());
}

void Host::component_reports(const std::string& name, std::string why) {
  if (why.empty()) troubles_.erase(name);
  else troubles_[name] = std::move(why);
  if (loader_ && !changing_ && !application_->draining) publish(make_snapshot());
}

LoadOptions Host::load_options() const {
  LoadOptions load;
  load.directories = settings_.resources;
  load.app_id = options_.app_id;
  load.name_space = settings_.name_space;
  return load;
}

// Breakers of policies that stay go on where they are.
void Host::set_policies() {
  resilience::Surroundings around;
  around.log = log_;
  around.metrics = application_->metrics.get();
  const auto before = base_.resiliency;
  base_.resiliency = std::make_shared<resilience::Policies>(std::move(around), resources_.resiliencies, before.get());
  base_.resiliency_names.clear();
  std::set<std::string> named;
  for (const auto& resiliency : resources_.resiliencies) {
    if (named.insert(resiliency.name).second) base_.resiliency_names.push_back(resiliency.name);
  }
}

Async<void> Host::set_configuration(ConfigurationSpec configuration) {
  MECHA_CO_TRY(base_.access, security::AccessControl::make(configuration.access_control, application_->metrics.get()));
  base_.configuration = configuration;
  base_.configuration.features = effective_features(configuration);
  configuration_ = std::move(configuration);
  co_return Result<void>{};
}

Async<void> Host::read_resources() {
  start_watch();  // before the first reading, so that no change falls between
  MECHA_CO_TRY(resources_, load_resources(load_options()));
  say_new(resources_);
  for (const auto& subscription : resources_.subscriptions) {
    if (auto rules = pubsub::Rules::compile(subscription.rules); !rules) co_return fail(std::move(rules).error());
  }
  MECHA_CO_TRY_VOID(co_await set_configuration(configuration_));
  base_.subscriptions = resources_.subscriptions;
  set_policies();
  make_loader();
  publish(make_snapshot());
  co_return Result<void>{};
}

void Host::make_loader() {
  LoaderSettings settings;
  settings.app_id = options_.app_id;
  settings.name_space = settings_.name_space;
  settings.denied = configuration_.denied_components;
  settings.environment = process_environment();
  settings.log = log_;
  settings.context = [this](const ComponentSpec& spec) { return context(spec.name, spec.type); };
  settings.metrics = application_->metrics.get();
  settings.fatal = [this](Error error) { ended_.failed(std::move(error)); };
  settings.hooks.check_init = [this, actors = !options_.placement_host_address.empty()](const ComponentSpec& spec) {
    return check_actor_store(spec, actors, actor_store_);
  };
  settings.hooks.look_for = [this](std::string type) { return look_for(std::move(type)); };
  settings.hooks.check_creation = [this](const ComponentSpec& spec) { return check_encryption(spec, log_); };
  settings.hooks.check_spec = [](const ComponentSpec& spec) -> Result<void> {
    if (spec.category() == "lock") return lock::check_store_spec(spec);
    return spec.category() == "state" ? state::check_store_spec(spec) : Result<void>{};
  };
  loader_ = std::make_unique<ComponentLoader>(
      shards_, catalog_, std::move(settings), [this](const LoadedComponent&) { component_changed(); }
  );
}

Async<void> Host::load_components() {
  const auto turn = co_await take_turn(turn_);
  const auto loaded = co_await loader_->load(resources_.components);
  if (!loaded) co_return fail(loaded.error());
  loading_ = false;
  MECHA_CO_TRY_VOID(co_await resolve_endpoints());
  publish(make_snapshot());
  co_return Result<void>{};
}

Async<void> Host::resolve_endpoints() {
  std::map<std::string, HttpEndpointSpec, std::less<>> endpoints;
  for (const auto& endpoint : resources_.endpoints) {
    MECHA_CO_TRY(auto resolved, co_await loader_->resolve(endpoint));
    endpoints[resolved.name] = std::move(resolved);
  }
  base_.endpoints = std::move(endpoints);
  co_return Result<void>{};
}

}  // namespace mecha
