// Configuration in memory, and its streams of changes.

#include <algorithm>

#include "testing/fake_api.h"
#include "testing/watch.h"

namespace mecha::testing::detail {
namespace {

using Next = Watch::Next;

Result<void> check_store(const Hub& hub, const std::string& store) {
  switch (hub.known("configuration", store)) {
    case Hub::Known::yes: return {};
    case Hub::Known::no:
      return detailed(
          Code::invalid_argument,
          "configuration store " + store + " not found",
          {"ERR_CONFIGURATION_STORE_NOT_FOUND"}
      );
    case Hub::Known::none: break;
  }
  return detailed(
      Code::failed_precondition,
      "configuration stores not configured",
      {"ERR_CONFIGURATION_STORE_NOT_CONFIGURED"}
  );
}

ConfigurationItems items_of(const Hub& hub, const ConfigurationRequest& request) {
  const auto store = hub.items.find(request.store);
  if (store == hub.items.end()) return {};
  if (request.keys.empty()) return store->second;
  ConfigurationItems to;
  for (const auto& key : request.keys) {
    const auto found = store->second.find(key);
    if (found != store->second.end()) to.insert(*found);
  }
  return to;
}

// Gives what is there to who waits. Takes the lock.
void pump(Hub& hub, const std::shared_ptr<Watch>& watch) {
  std::shared_ptr<Slot<Next>> slot;
  std::optional<ConfigurationItems> items;
  std::optional<Error> error;
  {
    const std::lock_guard lock(hub.mutex);
    if (!watch->waiting) return;
    if (watch->pending.empty() && !watch->broken && !watch->ended) return;
    slot = std::exchange(watch->waiting, nullptr);
    if (!watch->pending.empty()) {
      items = std::move(watch->pending.front());
      watch->pending.pop_front();
    } else {
      error = watch->broken;
    }
  }
  slot->give(error ? Next(*error) : Next(std::move(items)));
}

void leave(Hub& hub, const std::shared_ptr<Watch>& watch, const std::optional<Error>& why) {
  {
    const std::lock_guard lock(hub.mutex);
    if (watch->broken || watch->ended) return;
    watch->broken = why;
    watch->ended = !why;
    if (why) watch->pending.clear();
    std::erase(hub.watches, watch);
  }
  pump(hub, watch);
}

Result<void> open(Hub& hub, const std::shared_ptr<Watch>& watch) {
  const std::lock_guard lock(hub.mutex);
  if (auto there = check_store(hub, watch->request.store); !there) return there;
  if (watch->broken) return *watch->broken;
  watch->id = hub.next_id();
  hub.watches.push_back(watch);
  return {};
}

Task<Next> next_of(
    std::shared_ptr<Hub> hub, std::shared_ptr<Watch> watch, CallOptions options, bool first
) {
  if (first) {
    Site site{Call::subscribe_configuration, watch->request.store, watch->request.keys};
    auto opened = co_await run<void>(hub, std::move(site), options, [watch](Hub& to) {
      return open(to, watch);
    });
    if (!opened) {
      leave(*hub, watch, opened.error());
      co_return std::move(opened).error();
    }
  }
  auto slot = std::make_shared<Slot<Next>>();
  {
    const std::lock_guard lock(hub->mutex);
    if (watch->waiting)
      co_return mecha::fail(Code::failed_precondition, "a read of this stream is under way");
    watch->waiting = slot;
  }
  pump(*hub, watch);
  auto items = co_await slot->wait(options.stop, Next(stopped()));
  if (!items) leave(*hub, watch, items.error());
  co_return items;
}

class FakeConfiguration final : public ConfigurationStream {
 public:
  FakeConfiguration(std::shared_ptr<Hub> hub, ConfigurationRequest request, CallOptions options)
      : hub_(std::move(hub)), watch_(std::make_shared<Watch>()), options_(std::move(options)) {
    watch_->request = std::move(request);
  }
  ~FakeConfiguration() override { cancel(); }

  Task<Next> next() override {
    return next_of(hub_, watch_, options_, std::exchange(first_, false));
  }
  std::string id() const override {
    const std::lock_guard lock(hub_->mutex);
    return watch_->id;
  }
  void cancel() noexcept override { leave(*hub_, watch_, ended_by_caller()); }

 private:
  std::shared_ptr<Hub> hub_;
  std::shared_ptr<Watch> watch_;
  CallOptions options_;
  bool first_ = true;
};

Result<void> unsubscribe(Hub& hub, const std::string& id) {
  std::shared_ptr<Watch> watch;
  {
    const std::lock_guard lock(hub.mutex);
    for (const auto& candidate : hub.watches)
      if (candidate->id == id) watch = candidate;
  }
  if (watch) {
    leave(hub, watch, std::nullopt);
    return {};
  }
  return mecha::fail(
      Code::not_found,
      "failed to unsubscribe to configuration request " + id + ": subscription does not exist"
  );
}

}  // namespace

bool Watch::wants(const std::string& key) const {
  return request.keys.empty() ||
         std::find(request.keys.begin(), request.keys.end(), key) != request.keys.end();
}

void tell_change(Hub& hub, const std::string& store, const std::string& key, ConfigurationItem item) {
  std::vector<std::shared_ptr<Watch>> told;
  {
    const std::lock_guard lock(hub.mutex);
    hub.items[store].insert_or_assign(key, item);
    for (const auto& watch : hub.watches) {
      if (watch->request.store != store || !watch->wants(key)) continue;
      watch->pending.push_back({{key, item}});
      told.push_back(watch);
    }
  }
  for (const auto& watch : told) pump(hub, watch);
}

Task<Result<ConfigurationItems>> FakeApi::get_configuration(
    ConfigurationRequest request, CallOptions options
) {
  Site site{Call::get_configuration, request.store, request.keys};
  return run<ConfigurationItems>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) -> Result<ConfigurationItems> {
        const std::lock_guard lock(hub.mutex);
        if (auto there = check_store(hub, request.store); !there) return std::move(there).error();
        return items_of(hub, request);
      }
  );
}

std::unique_ptr<ConfigurationStream> FakeApi::subscribe_configuration(
    ConfigurationRequest request, CallOptions options
) {
  return std::make_unique<FakeConfiguration>(hub_, std::move(request), std::move(options));
}

// The name of the store is not looked at, as a sidecar does not.
Task<Result<void>> FakeApi::unsubscribe_configuration(
    std::string store, std::string id, CallOptions options
) {
  Site site{Call::unsubscribe_configuration, std::move(store), {id}};
  return run<void>(
      hub_, std::move(site), std::move(options), [id = std::move(id)](Hub& hub) -> Result<void> {
        return unsubscribe(hub, id);
      }
  );
}

}  // namespace mecha::testing::detail
