// The sidecar itself: what it says about itself, whether it is there, and how to end it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mecha/task.h"

namespace mecha {

/// A component that the sidecar has loaded.
struct ComponentInfo {
  std::string name;  ///< As calls name it.
  std::string type;  ///< Such as `state.redis`.
  std::string version;  ///< Such as `v1`.
  std::vector<std::string> capabilities;  ///< Such as `ETAG`; of state stores, bindings and brokers.
};

/// A subscription of the application.
struct SubscriptionInfo {
  /// A rule of its routes.
  struct Rule {
    std::string match;  ///< The expression; empty: always.
    std::string path;  ///< Where events go for which it holds.
  };
  /// Where it is declared.
  enum class Kind : int { unknown = 0, declarative = 1, programmatic = 2, streaming = 3 };
  std::string pubsub;  ///< The name of the component.
  std::string topic;  ///< As publishers name it.
  std::string dead_letter_topic;  ///< Empty: none.
  Kind kind = Kind::unknown;  ///< Where it is declared.
  Metadata metadata;  ///< Its settings.
  std::vector<Rule> rules;  ///< Tried in their order.
};

/// How the sidecar asks whether the application is well.
struct AppHealthInfo {
  std::string path;  ///< What is asked, over HTTP.
  std::string interval;  ///< A duration of Go, such as `5s`.
  std::string timeout;  ///< As the sidecar writes it, such as `500ms`.
  std::int32_t threshold = 0;  ///< Failures in a row before it counts as not well.
};

/// What the sidecar does for actors.
struct ActorRuntimeInfo {
  /// How far it is.
  enum class Status : int { initializing = 0, disabled = 1, running = 2 };
  /// Actors of one type.
  struct Active {
    std::string type;  ///< As the application registered it.
    std::int32_t count = 0;  ///< How many are active here.
  };
  Status status = Status::initializing;  ///< How far it is.
  bool host_ready = false;  ///< Whether actors can be placed here.
  std::string placement;  ///< How the placement service is.
  std::vector<Active> active;  ///< By types.
};

/// What the sidecar says about itself.
struct SidecarInfo {
  std::string app_id;  ///< As it was started with.
  std::string runtime_version;  ///< Of the sidecar.
  std::vector<std::string>
      features;  ///< Those enabled. An extension is used only after it was found here.
  std::vector<ComponentInfo> components;  ///< What it has loaded.
  std::vector<SubscriptionInfo> subscriptions;  ///< Of the application.
  std::vector<std::string> http_endpoints;  ///< By their names.
  Metadata extended;  ///< What `set_metadata` wrote, and more that the sidecar tells.
  std::int32_t app_port = 0;  ///< 0: the sidecar knows no port of the application.
  std::string app_protocol;  ///< Such as `grpc`.
  std::string app_channel_address;  ///< Where the sidecar reaches the application.
  std::int32_t app_max_concurrency = 0;  ///< 0: no limit.
  std::optional<AppHealthInfo> app_health;  ///< Empty: the sidecar does not ask.
  std::optional<ActorRuntimeInfo> actor_runtime;  ///< Without actors: not set.
  std::optional<std::vector<std::string>> scheduler_addresses;  ///< Empty: there is no scheduler.
  std::optional<std::int32_t> workflow_workers;  ///< How many are connected; empty: no workflows.
  std::vector<std::string> mcp_servers;  ///< Their names.
  std::vector<std::string> workflow_access_policies;  ///< Their names.
  std::vector<std::string> resiliencies;  ///< Their names.

  /// Whether one of this name is loaded.
  bool has_component(std::string_view name) const noexcept {
    for (const auto& component : components) {
      if (component.name == name) return true;
    }
    return false;
  }
  /// Whether a feature is enabled.
  bool has_feature(std::string_view name) const noexcept {
    for (const auto& feature : features) {
      if (feature == name) return true;
    }
    return false;
  }
};

/// See StateApi for what overrides are held to.
class SidecarApi {
 public:
  virtual ~SidecarApi() = default;
  /// What the sidecar tells of itself.
  virtual Task<Result<SidecarInfo>> get_metadata(CallOptions options);
  /// Adds a value to what it tells.
  virtual Task<Result<void>> set_metadata(std::string key, std::string value, CallOptions options);
  /// Ends when the sidecar answers, or with `deadline_exceeded` and the last failure after `limit`.
  virtual Task<Result<void>> wait_until_ready(std::chrono::milliseconds limit, CallOptions options);
  /// Asks the sidecar to end.
  virtual Task<Result<void>> shutdown(CallOptions options);
};

}  // namespace mecha
