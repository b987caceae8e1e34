// Contract of configuration stores (contract 02, section 4): items by key, and word of each change. Which application hears
// it, and how, belongs to runtime/capabilities/configuration.
//
// A key that is missing is left out of the answer; in an update a key that is gone is an item without a value. Threads: any
// shard, at the same time; a subscription lives on the shard that made it.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "components/component.hpp"

namespace mecha::configuration {

struct Item {
  std::string value;
  std::string version;  // empty: none
  Metadata metadata;
};

using Items = std::map<std::string, Item, std::less<>>;

struct StoreRequest {
  std::vector<std::string> keys;  // empty: all
  Metadata metadata;
};

// Hears what changed, on the subscription's shard. The next change is read only when it has returned, so that a slow reader
// holds back the store's connection, not memory. Cancelled when the subscription stops.
using Handler = std::function<asio::awaitable<void>(Items changed)>;

class Subscription {
 public:
  virtual ~Subscription() = default;
  // The handle to cancel by, on the subscription's shard, before its end: nothing is handed over once it has returned.
  virtual asio::awaitable<void> stop() = 0;
};

class ConfigurationStore : public Component {
 public:
  virtual Async<Items> get(StoreRequest request) = 0;
  // Changes made after it has returned are heard; values that are there already are not told. A connection that breaks is made
  // anew; what changes meanwhile is not heard. The store outlives the subscription.
  virtual Async<std::unique_ptr<Subscription>> subscribe(StoreRequest request, Handler handler) = 0;
  // What the store says of an id that no subscription has.
  virtual std::string unknown_subscription(const std::string& id) const { return "subscription with id " + id + " does not exist"; }
};

}  // namespace mecha::configuration
