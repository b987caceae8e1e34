#include "components/loader.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/system/system_error.hpp>

#include "components/pubsub/runtime_part.hpp"
#include "components/runtime_items.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha {
namespace {

constexpr std::string_view kInit = "[INIT_COMPONENT_FAILURE]: initialization error occurred for ";
constexpr std::string_view kCreate = "[CREATE_COMPONENT_FAILURE]: initialization error occurred for ";

// What nobody waits for may still end by itself in that time.
constexpr std::chrono::milliseconds kPatience(250);

bool is_secret_store(const ComponentSpec& spec) { return spec.type.starts_with("secretstores."); }

}  // namespace

// How one attempt ended: ready with an instance, parked, or failed. `resolved` is `spec` before templates.
struct ComponentLoader::Attempt {
  ComponentSpec spec, resolved;
  std::shared_ptr<Component> instance;
  bool parked = false;
  Failure failure;
};

ComponentLoader::ComponentLoader(Shards& shards, Catalog& catalog, LoaderSettings settings, Listener listener)
    : shards_(shards),
      catalog_(catalog),
      settings_(std::move(settings)),
      listener_(std::move(listener)),
      templates_(make_templates(settings_.app_id, settings_.environment)),
      gate_(shards.executor(0)),
      stops_(shards.executor(0)) {}

ComponentLoader::~ComponentLoader() = default;

std::vector<ComponentSpec> ComponentLoader::in_order(std::vector<ComponentSpec> specs) {
  std::vector<ComponentSpec> list;
  list.reserve(specs.size());
  for (const bool stores : {true, false}) {
    for (auto& spec : specs) {
      if (is_secret_store(spec) == stores) list.push_back(stores ? spec : std::move(spec));
    }
  }
  return list;
}

// Exactly as the manifest spells it; with a list, what lacks a version is dropped without a word.
bool ComponentLoader::denied(const ComponentSpec& spec) {
  if (settings_.denied.empty()) return false;
  if (spec.type.empty() || spec.version.empty()) return true;
  const auto full = spec.type + "/" + spec.version;
  const auto match = [&](const std::string& entry) { return entry == spec.type || entry == full; };
  if (std::ranges::none_of(settings_.denied, match)) return false;
  if (denied_told_.insert(spec.title()).second) {
    settings_.log.warn(
        "component '" + spec.name + "' cannot be loaded because components of type '" + spec.title() + "' are not allowed"
    );
  }
  return true;
}

Async<void> ComponentLoader::load(std::vector<ComponentSpec> specs) {
  std::erase_if(specs, [this](const ComponentSpec& spec) { return denied(spec); });
  check_ahead(specs);
  for (auto& spec : in_order(std::move(specs))) {
    const auto entry = std::make_shared<Entry>(Entry{.manifest = std::move(spec)});
    entry->loaded.spec = std::make_shared<const ComponentSpec>(entry->manifest);
    entries_.push_back(entry);
    MECHA_CO_TRY_VOID(co_await try_one(entry));
  }
  co_return Result<void>{};
}

Async<void> ComponentLoader::try_one(std::shared_ptr<Entry> entry) {
  entry->trying = true;
  auto result = co_await attempt(entry->manifest, true);
  entry->trying = false;
  if (entry->gone) {
    if (result.instance) co_await give_up(std::move(result.instance), std::make_shared<const ComponentSpec>(result.spec));
    co_return Result<void>{};
  }
  if (result.instance) {
    const bool is_store = is_secret_store(result.spec);
    became_ready(entry, std::move(result));
    if (is_store) MECHA_CO_TRY_VOID(co_await load_waiting());
    co_return Result<void>{};
  }
  entry->loaded.spec = std::make_shared<const ComponentSpec>(std::move(result.spec));
  if (!result.parked) co_return co_await failed(entry, result.failure);
  tell(entry->loaded);
  co_return Result<void>{};
}

Async<void> ComponentLoader::failed(std::shared_ptr<Entry> entry, const Failure& failure) {
  const auto& spec = entry->manifest;
  report(spec, failure);
  const auto text = "process component " + spec.name + " error: " + failure.text;
  entry->loaded.state = ComponentState::failed;
  entry->loaded.error = Error{.code = Code::unavailable, .message = text};
  tell(entry->loaded);
  if (!spec.ignore_errors) {
    settings_.log.warn("Error processing component, daprd will exit gracefully: " + text);
    co_return fail(entry->loaded.error);
  }
  settings_.log.error("Ignoring error processing component: " + text);
  if (failure.may_pass) spawn(gate_, shards_.executor(0), retry(entry, failure.ending));
  co_return Result<void>{};
}

void ComponentLoader::became_ready(const std::shared_ptr<Entry>& entry, Attempt attempt) {
  auto& component = entry->loaded;
  component.spec = std::make_shared<const ComponentSpec>(std::move(attempt.spec));
  component.instance = std::move(attempt.instance);
  component.state = ComponentState::ready;
  component.error = {};
  entry->resolved = std::move(attempt.resolved);
  ready_.push_back(entry);
  settings_.log.info("Component loaded: " + component.spec->title());
  if (settings_.metrics != nullptr) {
    settings_.metrics->count(Metric::runtime_component_loaded, {});
    settings_.metrics->count(Metric::runtime_component_init_total, {component.spec->type});
  }
  tell(component);
}

// Each failure counts once by its reason and once more as `init`.
void ComponentLoader::report(const ComponentSpec& spec, const Failure& failure) const {
  if (!failure.inner.empty()) settings_.log.error("Failed to init component " + spec.title() + ": " + failure.inner);
  if (settings_.metrics == nullptr) return;
  for (const std::string_view reason : {std::string_view(failure.reason), std::string_view("init")}) {
    if (reason.empty()) continue;
    settings_.metrics->count(Metric::runtime_component_init_fail_total, {spec.type, spec.name, reason});
  }
}

void ComponentLoader::tell(const LoadedComponent& component) {
  if (listener_) listener_(component);
}

// Resolves, checks, makes and starts one component; changes nothing of the loader.
asio::awaitable<ComponentLoader::Attempt> ComponentLoader::attempt(ComponentSpec spec, bool first) {
  Attempt out{.spec = std::move(spec)};
  const bool complete = co_await resolve_values(out.spec, first);
  if (!complete) {
    out.parked = true;
    co_return out;
  }
  out.resolved = out.spec;
  if (unknown(out.spec)) co_await settings_.hooks.look_for(out.spec.type);
  auto made = make(out.spec, out.failure, first);
  if (!made) co_return out;
  const auto limit = out.spec.init_timeout;
  const auto tried = std::make_shared<const ComponentSpec>(out.spec);
  auto started = limit.count() > 0 ? co_await start(made, tried) : Result<void>(fail(Error{.failure = mecha::Failure::timeout}));
  if (started) {
    out.instance = std::move(made);
    co_return out;
  }
  const auto ending = co_await give_up(std::move(made), tried);
  if (started.error().failure == mecha::Failure::timeout) {
    out.failure = {.inner = "init timeout for component " + out.spec.title(), .reason = "init"};
    out.failure.text = std::string(kInit) + out.spec.title() + ": " + out.failure.inner;
  } else {
    out.failure = failure(out.spec, kInit, started.error());
  }
  out.failure.may_pass = limit.count() > 0;
  out.failure.ending = ending;
  co_return out;
}

// One whose start is cancelled is stopped all the same: what it began would outlive it.
Async<void> ComponentLoader::start(std::shared_ptr<Component> component, std::shared_ptr<const ComponentSpec> spec) {
  Result<void> started;
  std::exception_ptr aborted;
  try {
    started = co_await within(spec->init_timeout, component->start());
  } catch (...) {
    aborted = std::current_exception();
  }
  const auto state = co_await asio::this_coro::cancellation_state;
  if (!aborted && state.cancelled() == asio::cancellation_type::none) co_return started;
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await give_up(component, spec);
  if (aborted) std::rethrow_exception(aborted);
  throw boost::system::system_error(asio::error::operation_aborted);
}

ComponentLoader::Failure ComponentLoader::failure(const ComponentSpec& spec, std::string_view kind, const Error& cause) {
  Failure out{.reason = kind == kCreate ? "creation" : "init"};
  out.inner = std::string(kind) + spec.title() + ": " + cause.message;
  out.text = std::string(kInit) + spec.title() + ": " + out.inner;
  return out;
}

// Its type is not there, and may come.
bool ComponentLoader::unknown(const ComponentSpec& spec) const {
  return settings_.hooks.look_for && catalog_.may_be_offered(spec.type) && !catalog_.find(spec);
}

// The component, not started, with templates filled into its spec; null and the reason if it cannot be made.
std::shared_ptr<Component> ComponentLoader::make(ComponentSpec& spec, Failure& why, bool first) {
  const auto refused = [&](std::string_view kind, const Error& cause) -> std::shared_ptr<Component> {
    why = failure(spec, kind, cause);
    return nullptr;
  };
  const auto entry = catalog_.find(spec);
  if (!entry && entry.error().code == Code::invalid_argument) {
    why.text = entry.error().message;
    return nullptr;
  }
  if (!entry) {
    refused(kCreate, entry.error());
    why.may_pass = unknown(spec);
    if (const auto& details = entry.error().details; details && first) {
      const auto& instead = details->front();
      settings_.log.warn(
          spec.type + "/" + spec.version + " is not in this build; " + instead.description + "; see " + instead.url
      );
    }
    return nullptr;
  }
  pubsub::complete(spec, settings_.app_id);
  for (auto& item : spec.metadata) {
    auto filled = fill_templates(item.name, std::move(item.value), templates_);
    if (!filled) return refused(kInit, filled.error());
    item.value = *std::move(filled);
  }
  const auto& hooks = settings_.hooks;
  for (const auto& [check, kind] :
       {std::pair(&hooks.check_creation, kCreate), std::pair(&hooks.check_init, kInit), std::pair(&hooks.check_spec, kInit)}) {
    if (!*check) continue;
    if (const auto checked = (*check)(spec); !checked) return refused(kind, checked.error());
  }
  if (first) warn_unknown(**entry, spec);
  auto made = (*entry)->create(spec, settings_.context(spec));
  if (!made) return refused(kInit, made.error());
  return *std::move(made);
}

void ComponentLoader::warn_unknown(const Catalog::Entry& entry, const ComponentSpec& spec) const {
  for (const auto& item : entry.unknown(spec)) {
    if (is_runtime_item(spec.category(), item.name)) continue;
    const auto place = item.location.file.empty() ? "" : item.location.text() + ": ";
    settings_.log.warn(place + item.name + " is not a metadata item of component " + spec.title());
  }
}

// Those that wait for a secret store are tried again, in their order.
Async<void> ComponentLoader::load_waiting() {
  for (const auto& entry : Entries(entries_)) {
    if (entry->loaded.state != ComponentState::pending || entry->trying || entry->gone) continue;
    if (store(entry->manifest.secret_store) == nullptr) continue;
    MECHA_CO_TRY_VOID(co_await try_one(entry));
  }
  co_return Result<void>{};
}

// Tries a failed component until it is there, taken out, or the loader stops; each pause is twice the last.
// What the last attempt left behind ends first, so that there is one at most.
asio::awaitable<void> ComponentLoader::retry(std::shared_ptr<Entry> entry, std::shared_ptr<Event> ending) {
  auto pause = settings_.retry_first;
  while (co_await sleep_for(pause)) {
    if (ending) co_await ending->wait();
    if (entry->gone || gate_.closed()) co_return;
    auto result = co_await attempt(entry->manifest, false);
    if (gate_.closed() || entry->gone) {
      if (result.instance) co_await give_up(std::move(result.instance), std::make_shared<const ComponentSpec>(result.spec));
      co_return;
    }
    if (result.instance) {
      const bool is_store = is_secret_store(result.spec);
      became_ready(entry, std::move(result));
      if (!is_store) co_return;
      if (auto waiting = co_await load_waiting(); !waiting && settings_.fatal) settings_.fatal(std::move(waiting).error());
      co_return;
    }
    settings_.log.debug("Component " + entry->manifest.title() + " is still not ready: " + result.failure.inner);
    ending = std::move(result.failure.ending);
    pause = std::min(pause * 2, settings_.retry_longest);
  }
}

std::vector<const LoadedComponent*> ComponentLoader::components() const {
  std::vector<const LoadedComponent*> list;
  for (const auto& entry : entries_) list.push_back(&entry->loaded);
  return list;
}

std::vector<const LoadedComponent*> ComponentLoader::ready() const {
  std::vector<const LoadedComponent*> list;
  for (const auto& entry : ready_) list.push_back(&entry->loaded);
  return list;
}

asio::awaitable<bool> ComponentLoader::stop(std::chrono::seconds limit) {
  bool all = true;
  co_await gate_.close(std::chrono::seconds(0));
  auto before = std::exchange(endings_, {});
  while (!leaving_.empty()) {
    const auto component = std::move(leaving_.back());
    leaving_.pop_back();
    all = co_await has_ended(begin_stop(component, limit)) && all;
  }
  while (!ready_.empty()) {
    const auto entry = ready_.back();
    ready_.pop_back();
    const auto component = entry->loaded;
    entry->loaded.instance = nullptr;
    entry->loaded.state = ComponentState::pending;
    all = co_await has_ended(begin_stop(component, limit)) && all;
  }
  // What was on its way out already has held up nobody.
  for (auto& ending : before) all = co_await has_ended(std::move(ending)) && all;
  endings_.clear();
  if (all) co_await stops_.close(limit);
  co_return all;
}

ComponentLoader::Ending ComponentLoader::begin_stop(const LoadedComponent& component, std::chrono::seconds limit) {
  Ending ending{component.instance, component.spec->title(), std::make_shared<Event>(shards_.executor(0))};
  std::erase_if(endings_, [](const Ending& one) { return one.stopped->is_set(); });
  if (spawn(stops_, shards_.executor(0), stop_one(component, limit, ending.stopped))) endings_.push_back(ending);
  else ending.stopped->set();
  return ending;
}

asio::awaitable<bool> ComponentLoader::has_ended(Ending ending) {
  using namespace asio::experimental::awaitable_operators;
  const auto& [instance, title, stopped] = ending;
  while (!stopped->is_set()) {
    const bool before = instance->forsaken();
    (void)co_await (stopped->wait() || sleep_for(kPatience));
    if (before && !stopped->is_set() && instance->forsaken()) {
      settings_.log.warn("component " + title + " is left behind with calls that its server does not answer");
      co_return false;
    }
  }
  co_return true;
}

asio::awaitable<std::shared_ptr<Event>> ComponentLoader::give_up(
    std::shared_ptr<Component> instance, std::shared_ptr<const ComponentSpec> spec
) {
  const auto ending = begin_stop({.spec = std::move(spec), .instance = std::move(instance)}, std::chrono::seconds(5));
  const bool ended = co_await has_ended(ending);
  co_return ended ? nullptr : ending.stopped;
}

asio::awaitable<void> ComponentLoader::stop_one(LoadedComponent component, std::chrono::seconds limit, std::shared_ptr<Event> stopped) {
  // One that never served was never announced.
  const bool served = component.state == ComponentState::ready;
  if (served) settings_.log.info("Shutting down component " + component.spec->title());
  if (const auto done = co_await within(limit, component.instance->stop()); !done && served) {
    settings_.log.warn("failed to close component " + component.spec->title() + ": " + done.error().message);
  }
  stopped->set();
}

}  // namespace mecha
