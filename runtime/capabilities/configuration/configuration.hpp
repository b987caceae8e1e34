// Configuration capability: reading items, and one table of subscriptions, whose changes go to the HTTP application or into a
// stream (contract 02, section 4). Failures come back as the errors of the API.
//
// Threads: from any shard; a subscription lives on the shard that asked for it. stop() before the end, while the shards run.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "components/configuration/configuration_store.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/configuration/updates.hpp"

namespace mecha::configuration {

struct ItemsRequest {
  std::string store;
  std::vector<std::string> keys;  // empty: all
  Metadata metadata;
};

class ConfigurationCapability {
 public:
  explicit ConfigurationCapability(Application& application) : application_(application) {}

  Async<Items> get(RequestScope& scope, ItemsRequest request);

  // Changes go to the application by POST. The id of the subscription.
  Async<std::string> subscribe(RequestScope& scope, ItemsRequest request);
  // Ends a subscription of the store, of either kind.
  Async<void> unsubscribe(RequestScope& scope, std::string store, std::string id);

  // Changes go into a stream, whose owner closes it, also when its client has gone; keys are asked for in sorted order.
  Async<std::shared_ptr<Updates>> open(RequestScope& scope, ItemsRequest request);
  // Ends a stream and its subscription. False if no stream has this id.
  asio::awaitable<bool> close(std::string id);

  std::size_t subscriptions() const;
  // A store is about to go: ends its subscriptions.
  asio::awaitable<void> release(std::shared_ptr<Component> store);
  // Ends all; there are no new ones from now on.
  asio::awaitable<void> stop();

 private:
  struct Entry;
  using Entries = std::map<std::string, std::shared_ptr<Entry>, std::less<>>;

  Async<std::shared_ptr<Entry>> add(RequestScope& scope, ItemsRequest request, bool streams);
  // Out of the table; null if there is none that `fits`.
  template <class F>
  std::shared_ptr<Entry> take(std::string_view id, F fits);
  static asio::awaitable<void> end(std::shared_ptr<Entry> entry);
  static asio::awaitable<void> end_all(Entries entries);

  Application& application_;
  mutable std::mutex mutex_;
  Entries entries_;
  bool stopping_ = false;
};

}  // namespace mecha::configuration
