#include "runtime/async/on_shard.hpp"
#include "runtime/capabilities/configuration/configuration.hpp"

#include <algorithm>
#include <utility>

#include "api/errors/configuration.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/call/component_call.hpp"
#include "runtime/capabilities/call/operation_count.hpp"
#include "runtime/capabilities/configuration/push.hpp"

namespace mecha::configuration {
namespace {

using StorePtr = std::shared_ptr<ConfigurationStore>;
using SubscriptionPtr = std::unique_ptr<Subscription>;

Result<StorePtr> find_store(const RequestScope& scope, std::string_view name) {
  const auto& stores = scope.snapshot->configurations;
  if (const auto* loaded = find(stores, name); loaded != nullptr && loaded->instance) return loaded->instance;
  const bool any = std::ranges::any_of(stores, [](const auto& item) { return item.second.instance != nullptr; });
  return fail(any ? errors::configuration_store_not_found(name) : errors::configuration_not_configured());
}

OperationCount::Names names(std::string_view store, std::string_view operation) {
  return {Metric::component_configuration_count, Metric::component_configuration_latencies, store, operation};
}

}  // namespace

// Members after `executor` are touched on its shard only.
struct ConfigurationCapability::Entry {
  std::string id, store_name;
  Executor executor;
  StorePtr store;  // lives as long as its subscription
  SubscriptionPtr subscription;
  std::shared_ptr<Updates> updates;  // null: the application hears
};

Async<Items> ConfigurationCapability::get(RequestScope& scope, ItemsRequest request) {
  MECHA_CO_TRY(const auto store, find_store(scope, request.store));
  OperationCount count(scope, names(request.store, "get"));
  std::function<Async<Items>()> operation = [&] { return store->get({request.keys, request.metadata}); };
  auto items = count.done(co_await call_component<Items>(scope, request.store, ComponentKind::configuration, std::move(operation)));
  if (!items) co_return fail(errors::configuration_get(request.keys, request.store, items.error().message));
  co_return items;
}

Async<std::shared_ptr<ConfigurationCapability::Entry>> ConfigurationCapability::add(
    RequestScope& scope, ItemsRequest request, bool streams
) {
  MECHA_CO_TRY(auto store, find_store(scope, request.store));
  if (!streams && application_.channel == nullptr) co_return fail(errors::configuration_without_app());
  OperationCount count(scope, names(request.store, "subscribe"));
  auto entry = std::make_shared<Entry>(
      Entry{.id = text::uuid(), .store_name = request.store, .executor = co_await asio::this_coro::executor, .store = store}
  );
  if (streams) entry->updates = std::make_shared<Updates>(entry->id, entry->executor);
  Handler handler = [this, id = entry->id, name = request.store, updates = entry->updates](Items items) {
    return updates ? updates->put(std::move(items)) : push(application_, name, id, std::move(items));
  };
  std::function<Async<SubscriptionPtr>()> operation = [&] {
    return store->subscribe({request.keys, request.metadata}, handler);
  };
  auto subscribed =
      count.done(co_await call_component<SubscriptionPtr>(scope, request.store, ComponentKind::configuration, std::move(operation)));
  if (!subscribed) {
    co_return fail(errors::configuration_subscribe(request.keys, request.store, subscribed.error().message));
  }
  entry->subscription = *std::move(subscribed);
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    stopping = stopping_;
    if (!stopping) entries_.emplace(entry->id, entry);
  }
  if (stopping) {
    co_await end(entry);
    co_return fail(errors::configuration_subscribe(request.keys, request.store, "the runtime is stopping"));
  }
  co_return entry;
}

Async<std::string> ConfigurationCapability::subscribe(RequestScope& scope, ItemsRequest request) {
  MECHA_CO_TRY(const auto entry, co_await add(scope, std::move(request), false));
  co_return entry->id;
}

Async<std::shared_ptr<Updates>> ConfigurationCapability::open(RequestScope& scope, ItemsRequest request) {
  std::ranges::sort(request.keys);
  MECHA_CO_TRY(const auto entry, co_await add(scope, std::move(request), true));
  co_return entry->updates;
}

template <class F>
std::shared_ptr<ConfigurationCapability::Entry> ConfigurationCapability::take(std::string_view id, F fits) {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(id);
  if (it == entries_.end() || !fits(*it->second)) return nullptr;
  auto entry = std::move(it->second);
  entries_.erase(it);
  return entry;
}

// On the entry's shard, whoever asks; whole, also when who asks goes away.
asio::awaitable<void> ConfigurationCapability::end(std::shared_ptr<Entry> entry) {
  const auto work = [](std::shared_ptr<Entry> ending) -> asio::awaitable<void> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (ending->updates) ending->updates->end();
    co_await ending->subscription->stop();
    ending->subscription.reset();
  };
  co_await on_shard(entry->executor, work(entry));
}

Async<void> ConfigurationCapability::unsubscribe(RequestScope& scope, std::string store, std::string id) {
  MECHA_CO_TRY(const auto found, find_store(scope, store));
  OperationCount count(scope, names(store, "unsubscribe"));
  auto entry = take(id, [&](const Entry& e) { return e.store_name == store; });
  count.done(entry != nullptr);
  if (!entry) co_return fail(errors::configuration_unsubscribe(id, found->unknown_subscription(id)));
  co_await end(std::move(entry));
  co_return Result<void>{};
}

asio::awaitable<bool> ConfigurationCapability::close(std::string id) {
  auto entry = take(id, [](const Entry& e) { return e.updates != nullptr; });
  if (!entry) co_return false;
  co_await end(std::move(entry));
  co_return true;
}

std::size_t ConfigurationCapability::subscriptions() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

asio::awaitable<void> ConfigurationCapability::release(std::shared_ptr<Component> store) {
  Entries ending;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = entries_.begin(); it != entries_.end();) {
      const auto here = it++;
      if (here->second->store == store) ending.insert(entries_.extract(here));
    }
  }
  co_await end_all(std::move(ending));
}

asio::awaitable<void> ConfigurationCapability::stop() {
  Entries ending;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ending.swap(entries_);
  }
  co_await end_all(std::move(ending));
}

asio::awaitable<void> ConfigurationCapability::end_all(Entries entries) {
  for (auto& [id, entry] : entries) co_await end(entry);
}

}  // namespace mecha::configuration
