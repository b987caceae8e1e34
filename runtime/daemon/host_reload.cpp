// Host: resources that change while the application runs (contract 06, 3.8). Everything is taken over by publishing another
// snapshot: listeners stay, a request keeps what it began with, and what leaves is stopped when nobody holds it any more.

#include <algorithm>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/pubsub/rules.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/daemon/host_parts.hpp"
#include "runtime/daemon/turn.hpp"
#include "runtime/resources/diff.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

constexpr auto kReconcile = 60s;
// Reading is repeated while files still change, or may be about to; then the last reading has to do.
constexpr int kReadings = 20;
constexpr auto kRest = 20ms;
// Requests may hold a component that leaves for so long.
constexpr auto kHoldLimit = 30s;

// Each says that something of hot reload watches (contract 01, section 3).
constexpr auto kTargets = {
    "component-reconciler",           "subscription-reconciler",         "mcpserver-reconciler",
    "workflowaccesspolicy-reconciler", "configuration-sighup-reconciler", "httpendpoint-sighup-reconciler",
    "resiliency-sighup-reconciler"
};

}  // namespace

void Host::start_watch() {
  if (!files_) files_ = std::make_unique<Bridge>("resources");
  if (watcher_ || !feature_enabled(configuration_, "HotReload")) return;
  watcher_ = std::make_unique<Watcher>(shards_.executor(0), settings_.resources);
  for (const auto* target : kTargets) application_->health.ready(target);
}

void Host::hang_up() {
  if (application_ != nullptr) spawn(*gate_, shards_.executor(0), reload(Cause::signal));
}

asio::awaitable<void> Host::watch_resources() {
  const auto configured = options_.hot_reload_reconcile_interval;
  const auto interval = configured.count() > 0
                            ? std::chrono::duration_cast<std::chrono::steady_clock::duration>(configured)
                            : std::chrono::steady_clock::duration(kReconcile);
  while (!application_->draining) {
    (void)co_await watcher_->wait(interval);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
    if (feature_enabled(configuration_, "HotReload")) co_await reload(Cause::files);
  }
}

asio::awaitable<void> Host::reload(Cause cause) {
  const auto turn = co_await take_turn(turn_);
  if (!turn || loading_ || application_->draining) co_return;
  if (cause == Cause::signal) co_await read_configuration_again();
  auto next = co_await read_settled();
  if (!next) {
    log_.error("resources are not reloaded, what runs goes on: " + next.error().message);
    co_return;
  }
  for (const auto& file : keep_unreadable(resources_, *next)) {
    const bool is_empty = std::ranges::find(next->empty, file) != next->empty.end();
    next->notices.push_back({.text = "what " + file + " held before stays as it is until " + (is_empty ? "the files rest" : "the file can be read")});
  }
  keep_rules(*next);
  keep_one_actor_store(*next);
  say_new(*next);
  changing_ = true;
  auto taken = co_await take_over(*std::move(next), cause);
  changing_ = false;
  if (!taken) ended_.failed(std::move(taken).error());
}

Async<LoadedResources> Host::read_settled() {
  Result<LoadedResources> read;
  for (int i = 0; i < kReadings; ++i) {
    const std::function<Result<LoadedResources>()> job = [options = load_options()] { return load_resources(options); };
    read = co_await files_->call(job);
    const bool changing = (watcher_ && watcher_->stirred()) || (read && emptied(resources_, *read));
    if (!changing) break;
    if (!co_await sleep_for(kRest)) break;
  }
  // While files go on to change, an empty one is taken for one that cannot be read: another reading follows when they rest.
  if (read && watcher_ && watcher_->stirred()) {
    read->unreadable.insert(read->unreadable.end(), read->empty.begin(), read->empty.end());
  }
  co_return std::move(read);
}

Async<void> Host::take_over(LoadedResources next, Cause cause) {
  const auto differ = changes(resources_, next);
  resources_ = std::move(next);
  base_.subscriptions = resources_.subscriptions;
  if (differ.resiliencies) set_policies();
  MECHA_CO_TRY_VOID(co_await loader_->change(resources_.components, [this](std::vector<LoadedComponent> left) {
    return swap(std::move(left));
  }));
  const bool restart = differ.resiliencies || differ.endpoints || cause == Cause::signal;
  if (restart) MECHA_CO_TRY_VOID(co_await resolve_endpoints());
  if (restart || differ.subscriptions) co_await swap({});
  // The reference begins anew in these cases, which the application sees by being asked again.
  if (!restart || !asked_ || application_->channel == nullptr || !application_->channel->healthy()) co_return Result<void>{};
  co_await ask_configuration();
  co_await parts_->subscriptions->reload(true);
  co_return Result<void>{};
}

// Takes over what the loader and `base_` have now. `left`: components that are no longer in it.
asio::awaitable<void> Host::swap(std::vector<LoadedComponent> left) {
  const auto next = make_snapshot();
  co_await parts_->subscriptions->prepare(next);
  co_await parts_->outbox.prepare(next);
  publish(next);
  auto holders = published_;
  std::erase_if(holders, [&next](const auto& snapshot) { return snapshot.lock() == next; });
  co_await parts_->subscriptions->reload();
  co_await parts_->outbox.apply();
  co_await parts_->inputs.reload();
  for (auto& component : left) spawn(*gate_, shards_.executor(0), retire(std::move(component), holders));
}

// Waits for the last request that holds it. If this is cancelled, the loader stops the component with the others.
asio::awaitable<void> Host::retire(LoadedComponent component, std::vector<std::weak_ptr<const Snapshot>> holders) {
  const auto end = std::chrono::steady_clock::now() + kHoldLimit;
  auto pause = std::chrono::milliseconds(5);
  const auto held = [&holders] { return std::ranges::any_of(holders, [](const auto& snapshot) { return !snapshot.expired(); }); };
  while (held() && std::chrono::steady_clock::now() < end) {
    if (!co_await sleep_for(pause)) co_return;
    pause = std::min(pause * 2, std::chrono::milliseconds(200));
  }
  if (held()) log_.warn("component " + component.spec->title() + " is closed although requests still use it");
  co_await parts_->subscriptions->release(component.instance);
  co_await parts_->outbox.release(component.instance);
  co_await parts_->configurations.release(component.instance);
  co_await parts_->streams.release(component.instance);
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() == asio::cancellation_type::none) co_await loader_->retire(component.instance);
}

// A component came by itself: what waited for it starts.
asio::awaitable<void> Host::follow() {
  const auto turn = co_await take_turn(turn_);
  if (!turn || !parts_ || application_->draining) co_return;
  co_await parts_->subscriptions->reload();
  co_await parts_->outbox.apply();
  co_await parts_->inputs.reload();
}

// Each once, until it is no longer so.
void Host::say_new(const LoadedResources& next) {
  std::set<std::string> now;
  std::vector<Notice> fresh;
  for (const auto& notice : next.notices) {
    now.insert(notice.text);
    if (!said_.contains(notice.text)) fresh.push_back(notice);
  }
  said_ = std::move(now);
  say(fresh);
}

// A subscription whose rules do not compile is as one that cannot be read.
void Host::keep_rules(LoadedResources& next) {
  for (auto it = next.subscriptions.begin(); it != next.subscriptions.end();) {
    const auto rules = pubsub::Rules::compile(it->rules);
    if (rules) {
      ++it;
      continue;
    }
    next.notices.push_back({Notice::Level::error, "subscription " + it->name + " stays as it was: " + rules.error().message});
    const auto old = std::ranges::find(resources_.subscriptions, it->name, &SubscriptionSpec::name);
    if (old == resources_.subscriptions.end()) {
      it = next.subscriptions.erase(it);
    } else {
      *it++ = *old;
    }
  }
}

// One that is already there wins; others are left out until it goes.
void Host::keep_one_actor_store(LoadedResources& next) {
  if (options_.placement_host_address.empty()) return;
  const auto is_actor_store = [](const ComponentSpec& spec) {
    const auto marked = spec.value("actorStateStore");
    return spec.category() == "state" && marked && text::truthy(*marked);
  };
  const auto stays = [&](const ComponentSpec& spec) { return spec.name == actor_store_ && is_actor_store(spec); };
  if (std::ranges::none_of(next.components, stays)) actor_store_.clear();
  std::string chosen = actor_store_;
  std::erase_if(next.components, [&](const ComponentSpec& spec) {
    if (!is_actor_store(spec)) return false;
    if (chosen.empty()) chosen = spec.name;
    if (chosen == spec.name) return false;
    next.notices.push_back(
        {Notice::Level::error, "detected duplicate actor state store: " + chosen + " and " + spec.name}
    );
    return true;
  });
}

// What is fixed for the life of the process is named when it differs.
asio::awaitable<void> Host::read_configuration_again() {
  auto notices = std::make_shared<std::vector<Notice>>();
  const std::function<Result<ConfigurationSpec>()> job = [notices, files = options_.config] {
    return load_configuration(files, process_environment(), *notices);
  };
  auto read = co_await files_->call(job);
  if (!read) {
    log_.error("the configuration is not reloaded, the old one stays: " + read.error().message);
    co_return;
  }
  say(*notices);
  const auto fixed = fixed_differences(configuration_, *read);
  if (!fixed.empty()) {
    log_.warn("the configuration changed in what is fixed until a restart of the process: " + text::join(fixed, ", "));
  }
  loader_->deny(read->denied_components);
  if (auto set = co_await set_configuration(*std::move(read)); !set) {
    log_.error("the configuration is not reloaded, the old one stays: " + set.error().message);
    co_return;
  }
  const bool watched = watcher_ != nullptr;
  start_watch();
  if (!watched && watcher_) spawn(*gate_, shards_.executor(0), watch_resources());
}

}  // namespace mecha
