// Host: one application's sidecar, whole: it builds everything in the order of contract 06, section 2.1 and takes it down in
// the order of 2.5. The process owns one per application. Lives on shard 0.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "components/catalog.hpp"
#include "components/loader.hpp"
#include "components/nameresolution/resolver.hpp"
#include "runtime/app/application.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/daemon/listeners.hpp"
#include "runtime/daemon/options.hpp"
#include "runtime/daemon/settings.hpp"
#include "runtime/resources/loader.hpp"

namespace mecha {

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
  // `signalled`: a block phase comes first if one is configured. False if the limit struck.
  asio::awaitable<bool> stop(bool signalled);

 private:
  struct Parts;  // capabilities and faces, behind a wall so that no one includes them all
  Async<void> load_configuration_files();
  Async<void> read_resources();
  void make_loader();
  Async<void> load_components();
  void publish_snapshot();
  Async<void> start_name_resolution();
  Async<void> start_servers();
  void make_channel();
  asio::awaitable<void> watch_application();
  asio::awaitable<void> became_healthy(bool healthy);
  asio::awaitable<void> first_healthy();
  asio::awaitable<void> ask_configuration();
  asio::awaitable<void> block_phase();
  asio::awaitable<void> close_components();
  std::chrono::steady_clock::duration grace() const;
  void say(const std::vector<Notice>& notices) const;
  ComponentContext context(std::string name, std::string type) const;

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
  std::unique_ptr<Application> application_;
  std::unique_ptr<ComponentLoader> loader_;
  std::string actor_store_;  // the component that is marked as such
  std::unique_ptr<nameresolution::Resolver> resolver_;
  std::unique_ptr<Parts> parts_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<net::Listener> internal_listener_;
  Servers http_servers_, grpc_servers_, metrics_servers_;
  bool loading_ = true;  // until every component was tried once
  bool asked_ = false;  // the application has been asked for its configuration
};

}  // namespace mecha
