// What every component is: a thing with a life. Contracts (state_store.hpp, pubsub.hpp, ...) derive from it.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/async/async.hpp"
#include "runtime/async/shards.hpp"
#include "runtime/base/text.hpp"
#include "runtime/telemetry/log.hpp"

namespace mecha {

// Metadata of one request or message. Names are case sensitive.
using Metadata = std::map<std::string, std::string, std::less<>>;

// pending: not made yet, or waiting for its secret store. failed: its error is ignored; it may become ready later.
enum class ComponentState : std::uint8_t { pending, ready, failed };

// What a component may know of its surroundings. Lives longer than the component.
struct ComponentContext {
  Shards& shards;
  std::string name;       // metadata.name of the manifest
  std::string type;       // "state.redis"
  std::string app_id;
  std::string name_space; // empty if NAMESPACE is not set
  Log log;                // scope dapr.contrib, with the component's name
  // For a component that can tell: called on shard 0 with why it cannot work at present, and with "" when it can again.
  std::function<void(std::string why)> report = {};
};

// Threads: start() and stop() are called on shard 0; all other operations from any shard, and they complete on the
// caller's. Operations may be cancelled at any time; what then reaches the backend is not defined, but nothing leaks.
class Component {
 public:
  virtual ~Component() = default;
  // Makes it ready: connects, creates tables. Fails with the text that the contract gives; the limit is the caller's.
  virtual Async<void> start() { co_return Result<void>{}; }
  // Finishes what is under way and lets go of everything. Called once, also after a failed start.
  virtual Async<void> stop() { co_return Result<void>{}; }
  // On shard 0, while stop() is under way: it only waits for calls of a driver that blocks, which everybody has given up. A process
  // that ends need not wait with it.
  virtual bool forsaken() const { return false; }
  // Features as the metadata API shows them ("ETAG", "TRANSACTIONAL").
  virtual std::vector<std::string> features() const { return {}; }
};

}  // namespace mecha
