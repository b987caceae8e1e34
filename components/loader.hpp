// ComponentLoader: from the manifests of an application to running components: references resolved, started one after
// another, secret stores first, with the log lines and error texts of contract 06, 2.4, and 02, 7.3 and 7.5.
//
// Lives on shard 0; all calls come from there. A component whose error is ignored stays absent (state failed) and, if it
// was its start that failed, is tried again in the background, with growing pauses; one that waits for a secret store
// (state pending) is started when that store is there. Each such change reaches the listener.

#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "components/catalog.hpp"
#include "components/secretstores/secret_store.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/resources/environment.hpp"
#include "runtime/resources/specs.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace mecha {

// A component of the application, whatever became of it. `spec` has its values resolved once the component was tried.
struct LoadedComponent {
  std::shared_ptr<const ComponentSpec> spec;
  std::shared_ptr<Component> instance;  // set while ready
  ComponentState state = ComponentState::pending;
  Error error;                          // why not; the text as it is logged
};

// What the runtime itself asks of a component. Each is called with resolved values and may be empty.
struct LoaderHooks {
  std::function<Result<void>(const ComponentSpec&)> check_creation;  // a failure is CREATE_COMPONENT_FAILURE
  std::function<Result<void>(const ComponentSpec&)> check_init;      // a failure is INIT_COMPONENT_FAILURE, before start()
  // The same for what the spec alone tells: asked of every component before the first one starts, and again before start().
  std::function<Result<void>(const ComponentSpec&)> check_spec;
  // Asked for a type that the catalogue lacks but that may be offered to it: a process may have come since the start.
  std::function<asio::awaitable<void>(std::string type)> look_for;
};

struct LoaderSettings {
  std::string app_id, name_space;
  std::vector<std::string> denied;  // Configuration components.deny
  Environment environment;
  Log log;                          // dapr.runtime
  // The surroundings of one component, made anew for each attempt.
  std::function<ComponentContext(const ComponentSpec&)> context;
  LoaderHooks hooks;
  Metrics* metrics = nullptr;
  // A failure in the background that ends the process: a component that waited for a secret store.
  std::function<void(Error)> fatal;
  std::chrono::milliseconds retry_first = std::chrono::seconds(1);
  std::chrono::milliseconds retry_longest = std::chrono::seconds(60);
};

class ComponentLoader {
 public:
  // Hears of every component that became ready, failed, or is parked. Runs on shard 0; must not block.
  using Listener = std::function<void(const LoadedComponent&)>;

  ComponentLoader(Shards& shards, Catalog& catalog, LoaderSettings settings, Listener listener);
  ~ComponentLoader();
  ComponentLoader(const ComponentLoader&) = delete;
  ComponentLoader& operator=(const ComponentLoader&) = delete;

  // Starts all of them. Fails with what ends the process ("process component x error: ..."), already logged as a
  // warning; what was started by then is still there, to be stopped. Called once.
  Async<void> load(std::vector<ComponentSpec> specs);

  // The values of an endpoint's secret references. What cannot be resolved stays empty and is logged.
  Async<HttpEndpointSpec> resolve(HttpEndpointSpec endpoint);

  // Brings what runs to what `specs` say (contract 06, 3.8), after load(): removals first, then changes, then additions,
  // secret stores before others. A new instance is ready before the old one leaves; what leaves is handed to `applied`,
  // which is called after each step, when components() and ready() show it, and must see to it that retire() is called
  // with it once nobody needs it. Fails with what ends the process, as load() does.
  using Applied = std::function<asio::awaitable<void>(std::vector<LoadedComponent> left)>;
  Async<void> change(std::vector<ComponentSpec> specs, Applied applied);

  // Stops a component that change() took out; stop() does so for those that nobody retired.
  asio::awaitable<void> retire(std::shared_ptr<Component> instance, std::chrono::seconds limit = std::chrono::seconds(35));

  // What components.deny says from now on; counts for change().
  void deny(std::vector<std::string> denied) { settings_.denied = std::move(denied); }

  // In the order in which they were tried; those that are parked at the place of their first try.
  std::vector<const LoadedComponent*> components() const;

  // Those that are ready, in the order in which they became so: what the metadata API lists.
  std::vector<const LoadedComponent*> ready() const;

  // Ends what goes on in the background, then stops the components, the last first, each within `limit`. False: some still stop,
  // for the sake of nobody (Component::forsaken). Called again, it waits for those too; without, the loader may not be destroyed.
  asio::awaitable<bool> stop(std::chrono::seconds limit = std::chrono::seconds(35));

 private:
  // Why an attempt failed: where, in what words, and whether another one may help.
  struct Failure {
    std::string text;    // what follows "process component <name> error: "
    std::string inner;   // what follows "Failed to init component <title>: "; empty: not logged
    std::string reason;  // creation, init; empty: not counted
    bool may_pass = false;
    std::shared_ptr<Event> ending = nullptr;  // set when the instance has stopped, if that takes longer than the attempt
  };
  struct Attempt;
  // A stop that goes to its end, whoever gives up waiting for it.
  struct Ending {
    std::shared_ptr<Component> instance;
    std::string title;
    std::shared_ptr<Event> stopped;
  };
  // One component with its manifest as written; `resolved` has the references filled in, but no templates.
  struct Entry {
    ComponentSpec manifest, resolved;
    LoadedComponent loaded;
    bool gone = false;    // taken out: whoever still works on it gives up
    bool trying = false;  // an attempt is under way
  };
  using Entries = std::vector<std::shared_ptr<Entry>>;

  // Secret stores first, else as they stand.
  static std::vector<ComponentSpec> in_order(std::vector<ComponentSpec> specs);
  bool denied(const ComponentSpec& spec);
  // Logs what can be said against the manifests before anything starts, a line for each problem.
  void check_ahead(const std::vector<ComponentSpec>& specs) const;
  std::vector<SettingProblem> problems(ComponentSpec spec) const;
  secrets::SecretStore* store(std::string_view name) const;
  Async<void> try_one(std::shared_ptr<Entry> entry);
  Async<void> failed(std::shared_ptr<Entry> entry, const Failure& failure);
  std::shared_ptr<Entry> entry_of(const std::string& name) const;
  Async<void> put(ComponentSpec spec, std::shared_ptr<Entry> old, Applied applied);
  asio::awaitable<bool> differs(std::shared_ptr<Entry> entry, ComponentSpec spec);
  LoadedComponent take_out(const std::shared_ptr<Entry>& entry);
  Ending begin_stop(const LoadedComponent& component, std::chrono::seconds limit);
  asio::awaitable<void> stop_one(LoadedComponent component, std::chrono::seconds limit, std::shared_ptr<Event> stopped);
  // False: it goes on stopping, for the sake of nobody.
  asio::awaitable<bool> has_ended(Ending ending);
  // Stops what never served. The event is that of an end which nobody waits for.
  asio::awaitable<std::shared_ptr<Event>> give_up(std::shared_ptr<Component> instance, std::shared_ptr<const ComponentSpec> spec);
  Async<void> start(std::shared_ptr<Component> component, std::shared_ptr<const ComponentSpec> spec);
  // `first`: what is odd about the manifest is told once only.
  asio::awaitable<Attempt> attempt(ComponentSpec spec, bool first);
  bool unknown(const ComponentSpec& spec) const;
  std::shared_ptr<Component> make(ComponentSpec& spec, Failure& why, bool first);
  static Failure failure(const ComponentSpec& spec, std::string_view kind, const Error& cause);
  std::optional<std::string> variable(const std::string& name) const;  // empty: it may not be read
  asio::awaitable<bool> resolve_values(ComponentSpec& spec, bool first, bool* failed = nullptr);
  asio::awaitable<std::optional<std::string>> read_secret(
      std::string store_name, SecretRef ref, std::string name_space, std::map<std::string, secrets::SecretMap>& known
  );
  asio::awaitable<void> retry(std::shared_ptr<Entry> entry, std::shared_ptr<Event> ending);
  Async<void> load_waiting();
  void became_ready(const std::shared_ptr<Entry>& entry, Attempt attempt);
  void warn_unknown(const Catalog::Entry& entry, const ComponentSpec& spec) const;
  void report(const ComponentSpec& spec, const Failure& failure) const;
  void tell(const LoadedComponent& component);

  Shards& shards_;
  Catalog& catalog_;
  LoaderSettings settings_;
  Listener listener_;
  Templates templates_;
  Gate gate_;
  Gate stops_;  // components that are being stopped: shutting down waits for them
  Entries entries_;
  Entries ready_;                            // in the order of starting
  std::vector<LoadedComponent> leaving_;     // taken out, not stopped yet
  std::vector<Ending> endings_;
  std::set<std::string> denied_told_;        // titles that were refused in the log
};

}  // namespace mecha
