// The sidecar itself: what it says about itself, whether it is there, and how to end it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mecha/task.h"

namespace mecha {

struct ComponentInfo {
  std::string name;
  std::string type;
  std::string version;
  std::vector<std::string> capabilities;
};

struct SubscriptionInfo {
  struct Rule {
    std::string match;
    std::string path;
  };
  enum class Kind : int { unknown = 0, declarative = 1, programmatic = 2, streaming = 3 };
  std::string pubsub;
  std::string topic;
  std::string dead_letter_topic;
  Kind kind = Kind::unknown;
  Metadata metadata;
  std::vector<Rule> rules;
};

/// How the sidecar asks whether the application is well.
struct AppHealthInfo {
  std::string path;
  std::string interval;  ///< A duration of Go, such as `5s`.
  std::string timeout;
  std::int32_t threshold = 0;  ///< Failures in a row before it counts as not well.
};

struct ActorRuntimeInfo {
  enum class Status : int { initializing = 0, disabled = 1, running = 2 };
  struct Active {
    std::string type;
    std::int32_t count = 0;
  };
  Status status = Status::initializing;
  bool host_ready = false;
  std::string placement;
  std::vector<Active> active;
};

/// What the sidecar says about itself.
struct SidecarInfo {
  std::string app_id;
  std::string runtime_version;
  std::vector<std::string>
      features;  ///< Those enabled. An extension is used only after it was found here.
  std::vector<ComponentInfo> components;
  std::vector<SubscriptionInfo> subscriptions;
  std::vector<std::string> http_endpoints;
  Metadata extended;
  std::int32_t app_port = 0;  ///< 0: the sidecar knows no port of the application.
  std::string app_protocol;
  std::string app_channel_address;
  std::int32_t app_max_concurrency = 0;
  std::optional<AppHealthInfo> app_health;  ///< Empty: the sidecar does not ask.
  std::optional<ActorRuntimeInfo> actor_runtime;
  std::optional<std::vector<std::string>> scheduler_addresses;  ///< Empty: there is no scheduler.
  std::optional<std::int32_t> workflow_workers;  ///< How many are connected; empty: no workflows.
  std::vector<std::string> mcp_servers, workflow_access_policies, resiliencies;  ///< Their names.

  bool has_component(std::string_view name) const noexcept {
    for (const auto& component : components) {
      if (component.name == name) return true;
    }
    return false;
  }
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
  virtual Task<Result<SidecarInfo>> get_metadata(CallOptions options);
  virtual Task<Result<void>> set_metadata(std::string key, std::string value, CallOptions options);
  /// Ends when the sidecar answers, or with `deadline_exceeded` and the last failure after `limit`.
  virtual Task<Result<void>> wait_until_ready(std::chrono::milliseconds limit, CallOptions options);
  /// Asks the sidecar to end.
  virtual Task<Result<void>> shutdown(CallOptions options);
};

}  // namespace mecha
