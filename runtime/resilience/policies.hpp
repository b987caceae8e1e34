// Policies: what a Resiliency says about a target, ready to run (contract 06, chapter 4). Immutable
// but for the breakers inside, which are shared and thread safe; from any shard. A Policy is a
// value that may outlive the Policies.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/async/async.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/resilience/breaker.hpp"
#include "runtime/resilience/retry.hpp"
#include "runtime/resources/resiliency_spec.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace mecha {

// The kinds of components, as default policy names and metric labels spell them (first letter in
// upper case).
enum class ComponentKind : std::uint8_t {
  binding,
  configuration,
  lock,
  pubsub,
  crypto,
  conversation,
  secretstore,
  statestore
};
inline constexpr std::size_t kComponentKinds = 8;

namespace resilience {

enum class Direction : std::uint8_t { outbound, inbound };

// What policies tell of themselves, and the time they live by. Shared by all policies of one build.
struct Surroundings {
  Log log;                     // scope dapr.runtime
  Metrics* metrics = nullptr;  // outlives all policies; null: none
  const Clock* clock = &Clock::real();
  // Waits between attempts; false if cancelled. Empty: a timer.
  std::function<asio::awaitable<bool>(std::chrono::nanoseconds)> sleep;
  std::string name, name_space;  // labels: of the resource that was loaded last
};

// What applies to one operation. Empty: nothing does, and run() just runs it.
struct Policy {
  std::optional<std::chrono::nanoseconds> timeout;
  std::shared_ptr<const Retry> retry;
  std::shared_ptr<Breaker> breaker;

  std::string name;    // in log lines: "endpoint[app, app:method]", "component[store] output"
  std::string target;  // label: "app_other", "Statestore_store"; empty: not counted in metrics
  Direction direction = Direction::outbound;
  std::shared_ptr<const Surroundings> around;  // null only if empty

  bool empty() const { return !timeout && !retry && !breaker; }
  // Says that the operation begins: resiliency_count of each part, and the breaker's state.
  void count_use() const;
  // Activations: a timeout that struck, the first failure that is retried, a breaker that changed.
  void timed_out() const;
  void retrying(std::chrono::nanoseconds wait, const Error& error) const;
  void recovered(int attempts) const;
  void breaker_changed() const;

 private:
  void record(Metric metric, std::string_view policy, std::string_view status) const;
};

enum class BuiltIn : std::uint8_t {
  service,
  actor,
  actor_reminder,
  actor_not_found,
  initialization
};

// Its name in Resiliency resources, "DaprBuiltInServiceRetries".
std::string_view built_in_policy(BuiltIn which);

class Policies {
 public:
  Policies();  // none but the built-in ones
  // Merges in order: of one name the later wins. Logs what is loaded and what cannot be read, and
  // counts it.
  // Breakers of `previous` go on with their state where the policy is still the same.
  Policies(Surroundings around, std::span<const ResiliencySpec> specs, const Policies* previous = nullptr);
  ~Policies();
  Policies(const Policies&) = delete;
  Policies& operator=(const Policies&) = delete;

  // Of an invocation. `target` is the id as the caller wrote it; `endpoint` tells breakers apart
  // ("app:method").
  Policy app_policy(std::string_view target, std::string_view endpoint) const;
  Policy component_policy(std::string_view name, ComponentKind kind, Direction direction) const;
  // Whether targets.apps names it; then the built-in retry of the hop is off.
  bool has_app_target(std::string_view id) const;
  // Retries of the hop to another sidecar; empty if targets.apps names `app_id`. Unlike the others
  // it repeats only unavailable and unauthenticated.
  Policy built_in_service_retry(std::string_view app_id) const;
  Policy built_in(BuiltIn which) const;

 private:
  struct Parts;
  struct State;
  Policy make(const Parts& parts) const;
  std::unique_ptr<State> state_;
};

}  // namespace resilience
}  // namespace mecha
