// Host: one application's sidecar, whole: it builds everything in the order of contract 06, section 2.1 and takes it down in
// the order of 2.5. The process owns one per application. Lives on shard 0.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "components/catalog.hpp"
#include "components/loader.hpp"
#include "components/nameresolution/resolver.hpp"
#include "components/pluggable/remote.hpp"
#include "runtime/app/application.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/daemon/listeners.hpp"
#include "runtime/daemon/options.hpp"
#include "runtime/daemon/settings.hpp"
#include "runtime/net/exchange.hpp"
#include "runtime/resources/loader.hpp"
#include "runtime/resources/watcher.hpp"

namespace mecha {

namespace security {
class HttpApiRules;
}

class Host {
 public:
  // `ended` is called when something in the background ends the process: with an error, or because it was asked over the
  // API (`force`: at once).
  struct Ended {
    std::function<void(Error)> failed;
    std::function<void(bool force)> asked;
  };
  Host(Shards& shards, const Options& options, Settings settings, std::shared_ptr<LogSink> sink, Catalog& catalog, Ended ended);
  ~Host();

  // Until outbound readiness; waiting for the application goes on in the background. The error ends the process.
  Async<void> start();
  // The block phase, if one is configured: keeps the APIs up while nothing new is delivered, until the time is over or the
  // application is reported unhealthy. Before stop(), and for signals only.
  asio::awaitable<void> hold_back();
  // done: all has ended. left: all but threads of drivers that wait for a server, for the sake of nobody. late: the limit struck.
  // A process must not take the ground away from what still runs: after `left` and `late` it ends as it is.
  enum class Stopped : std::uint8_t { done, left, late };
  asio::awaitable<Stopped> stop();
  // SIGHUP: configuration and resources are read again; what differs is taken over without a break. Shard 0.
  void hang_up();

 private:
  struct Parts;  // capabilities and faces, behind a wall so that no one includes them all
  Async<void> load_configuration_files();
  Async<void> read_resources();
  // Components in processes of their own, in host_pluggable.cpp.
  Async<void> discover();
  asio::awaitable<void> look_for(std::string type);
  asio::awaitable<void> offer(std::vector<pluggable::Remote> found);
  std::string sockets_folder() const;
  void component_reports(const std::string& name, std::string why);
  void make_loader();
  Async<void> load_components();
  std::shared_ptr<const Snapshot> make_snapshot() const;
  void publish(std::shared_ptr<const Snapshot> next);
  void component_changed();
  void set_policies();
  Async<void> set_configuration(ConfigurationSpec configuration);
  Async<void> resolve_endpoints();
  asio::awaitable<void> follow();
  // Reloading, in host_reload.cpp.
  enum class Cause : std::uint8_t { files, signal };
  void start_watch();
  asio::awaitable<void> watch_resources();
  asio::awaitable<void> reload(Cause cause);
  Async<void> take_over(LoadedResources next, Cause cause);
  Async<LoadedResources> read_settled();
  LoadOptions load_options() const;
  asio::awaitable<void> read_configuration_again();
  void say_new(const LoadedResources& next);
  void keep_rules(LoadedResources& next);
  void keep_one_actor_store(LoadedResources& next);
  asio::awaitable<void> swap(std::vector<LoadedComponent> left);
  asio::awaitable<void> retire(LoadedComponent component, std::vector<std::weak_ptr<const Snapshot>> holders);
  Async<void> start_name_resolution();
  Async<void> start_servers();
  void make_http_server(const security::HttpApiRules& rules);
  void make_grpc_server();
  asio::awaitable<void> serve_internal(net::Exchange& exchange);
  void make_channel();
  asio::awaitable<void> watch_application();
  asio::awaitable<void> became_healthy(bool healthy);
  asio::awaitable<void> first_healthy();
  asio::awaitable<void> ask_configuration();
  asio::awaitable<void> close_components();
  std::chrono::steady_clock::duration grace() const;
  void say(const std::vector<Notice>& notices) const;
  ComponentContext context(std::string name, std::string type);

  Shards& shards_;
  const Options& options_;
  Settings settings_;
  std::shared_ptr<LogSink> sink_;
  Catalog& catalog_;
  Ended ended_;
  Log log_;
  std::chrono::steady_clock::time_point begun_;

  ConfigurationSpec configuration_;
  LoadedResources resources_;
  Snapshot base_;  // everything but components
  std::vector<std::weak_ptr<const Snapshot>> published_;  // those that someone may still hold
  std::unique_ptr<Application> application_;
  std::unique_ptr<ComponentLoader> loader_;
  std::map<std::string, std::string, std::less<>> troubles_;  // of components that are loaded but cannot work at present
  std::string actor_store_;  // the component that is marked as such
  std::unique_ptr<nameresolution::Resolver> resolver_;
  std::unique_ptr<Parts> parts_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<Bridge> files_;  // reads resources while the application runs
  Semaphore turn_;                 // one change at a time: of resources, of the application's health
  std::set<std::string> said_;     // notices of the last reading
  std::unique_ptr<net::Listener> internal_listener_;
  Servers http_servers_, grpc_servers_, metrics_servers_;
  bool loading_ = true;  // until every component was tried once
  bool changing_ = false;  // a change is under way that publishes by itself
  bool asked_ = false;  // the application has been asked for its configuration
  bool left_behind_ = false;  // at the end: see Stopped
};

}  // namespace mecha
