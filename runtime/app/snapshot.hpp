// Snapshot: all resources of an application at one moment, immutable and reference counted. A request keeps the one that
// it began with; a change of resources makes a new one and swaps it (decision 6 of the design).

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "components/component.hpp"
#include "runtime/base/error.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha {

namespace state {
class StateStore;
}
namespace pubsub {
class PubSub;
}
namespace bindings {
class InputBinding;
class OutputBinding;
}  // namespace bindings
namespace secrets {
class SecretStore;
}
namespace middleware {
struct Pipeline;
}
namespace crypto {
class CryptoProvider;
}
namespace configuration {
class ConfigurationStore;
}
namespace lock {
class LockStore;
}
namespace resilience {
class Policies;
}
namespace security {
class AccessControl;
}

// A component of contract C by name. `instance` is set when it is ready; else `error` says why not.
template <class C>
struct Loaded {
  std::shared_ptr<const ComponentSpec> spec;
  std::shared_ptr<C> instance;
  ComponentState state = ComponentState::pending;
  Error error;
};

// Name and state of any component, in the order of loading, for the metadata API and for stopping.
struct ComponentEntry {
  std::shared_ptr<const ComponentSpec> spec;
  std::shared_ptr<Component> instance;
  ComponentState state = ComponentState::pending;
  std::vector<std::string> capabilities;
};

struct Snapshot {
  template <class C>
  using Named = std::map<std::string, Loaded<C>, std::less<>>;

  ConfigurationSpec configuration;
  std::vector<SubscriptionSpec> subscriptions;  // declarative, in scope of this application
  std::map<std::string, HttpEndpointSpec, std::less<>> endpoints;  // secrets resolved
  std::vector<std::string> resiliency_names;
  std::shared_ptr<const security::AccessControl> access;  // null: everyone is admitted
  std::shared_ptr<resilience::Policies> resiliency;  // never null; breakers inside are shared and thread safe

  // What requests to the API, and to the application and endpoints, pass through; null: nothing.
  std::shared_ptr<const middleware::Pipeline> http_pipeline, app_http_pipeline;

  std::vector<ComponentEntry> components;  // those that are ready
  // Components that are not, or cannot work at present: by name, "pending", "failed: <why>" or "down: <why>". The API tells it
  // beside its errors.
  std::map<std::string, std::string, std::less<>> waiting;
  Named<state::StateStore> state_stores;
  Named<pubsub::PubSub> pubsubs;
  Named<bindings::InputBinding> input_bindings;
  Named<bindings::OutputBinding> output_bindings;
  Named<secrets::SecretStore> secret_stores;
  Named<lock::LockStore> locks;
  Named<configuration::ConfigurationStore> configurations;
  Named<crypto::CryptoProvider> cryptos;
};

template <class C>
const Loaded<C>* find(const Snapshot::Named<C>& map, std::string_view name) {
  const auto it = map.find(name);
  return it == map.end() ? nullptr : &it->second;
}

}  // namespace mecha
