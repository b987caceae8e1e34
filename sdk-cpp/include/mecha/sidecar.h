// The sidecar itself: what it says about itself, whether it is there, and how to end it.
#pragma once

#include <chrono>
#include <cstdint>
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
