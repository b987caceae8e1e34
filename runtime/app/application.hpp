// Application: everything that belongs to one application beside which Mecha runs (decision 15 of the design). The
// process owns a list of them; there is no "the application".

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/app/app_channel.hpp"
#include "runtime/app/health.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/async/shards.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace mecha {

namespace trace {
class Tracer;
}
namespace telemetry {
class PathLabels;
}

// Facts fixed at start.
struct ApplicationInfo {
  std::string id;
  std::string name_space;          // NAMESPACE; may be empty (metrics, filters)
  std::string identity_name_space; // the same, "default" if empty (identities, caller headers)
  std::string host_address;        // advertised
  std::string host_name;
  std::string version;             // "1.18.3": the version of the API that is spoken
  std::uint16_t http_port = 0, grpc_port = 0, internal_port = 0;
  std::string api_token;           // DAPR_API_TOKEN
  std::uint64_t body_bytes_max = 4 << 20;  // 0: none
  std::size_t read_buffer_bytes = 4096;
};

class Application {
 public:
  Application(Shards& the_shards, ApplicationInfo facts, Log runtime_log, std::unique_ptr<Metrics> the_metrics);
  ~Application();
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  Shards& shards;
  const ApplicationInfo info;
  const Log log;                       // scope dapr.runtime
  const std::unique_ptr<Metrics> metrics;
  std::unique_ptr<trace::Tracer> tracer;  // set before anything is served
  std::unique_ptr<telemetry::PathLabels> path_labels;  // the same; of HTTP metrics
  std::unique_ptr<AppChannel> channel;    // null: no --app-port

  // The current snapshot; from any thread. Never null.
  std::shared_ptr<const Snapshot> snapshot() const { return snapshot_.load(std::memory_order_acquire); }
  void publish(std::shared_ptr<const Snapshot> next) { snapshot_.store(std::move(next), std::memory_order_release); }

  // Values that PUT /v1.0/metadata stored. From any thread.
  void set_attribute(std::string key, std::string value);
  std::map<std::string, std::string> attributes() const;

  // What delivers to the application now, for the metadata API (all kinds, declarative first). From any thread.
  void set_subscriptions(std::vector<SubscriptionSpec> list);
  std::vector<SubscriptionSpec> subscriptions() const;
  // The streams among them, which come and go by themselves.
  void add_streaming(std::shared_ptr<const SubscriptionSpec> subscription);
  void remove_streaming(const std::shared_ptr<const SubscriptionSpec>& subscription);

  // Readiness, and whether probing of the application is on, with the values that the metadata API shows.
  Health health;
  struct Probe {
    bool enabled = false;
    std::string path = "/healthz";
    std::chrono::nanoseconds interval = std::chrono::seconds(5);
    std::chrono::nanoseconds timeout = std::chrono::milliseconds(500);
    int threshold = 3;
  } probe;

  // How the application is reached, as configured; without --app-port the port is 0.
  AppChannelOptions connection;
  // Set once the application has been asked for its configuration (or there is none to ask).
  std::atomic<bool> app_started = false;
  // The end has begun: nothing new is started for the application.
  std::atomic<bool> draining = false;

 private:
  std::atomic<std::shared_ptr<const Snapshot>> snapshot_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> attributes_;
  std::vector<SubscriptionSpec> subscriptions_;
  std::vector<std::shared_ptr<const SubscriptionSpec>> streaming_;
};

}  // namespace mecha
