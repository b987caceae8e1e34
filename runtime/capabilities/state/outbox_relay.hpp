// OutboxRelay: the side of the outbox that comes after the commit (contract 03, section 6.4). Hears the internal topics of
// the application's stores, waits for the marker of each event, publishes the event and deletes the marker.
//
// Methods on shard 0, one at a time except release() and stop(); subscriptions are spread over the shards. Needs no application to be there. An event is
// published at least once if its transaction was committed: it stays with the broker until it is out.

#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "runtime/app/application.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::state {

class OutboxRelay {
 public:
  explicit OutboxRelay(Application& app);
  ~OutboxRelay();  // stop() comes first
  OutboxRelay(const OutboxRelay&) = delete;
  OutboxRelay& operator=(const OutboxRelay&) = delete;

  // Begins; until then the methods below do nothing. Again: the same as apply().
  asio::awaitable<void> start();
  // Before `next` is published: subscribes to what it asks for, so that no event finds nobody.
  asio::awaitable<void> prepare(std::shared_ptr<const Snapshot> next);
  // After each new snapshot: subscribes to what it asks for and ends what it does not, except at brokers that left, which
  // requests may still use. A subscription that fails is tried again in the background.
  asio::awaitable<void> apply();
  // Ends what is subscribed at a broker that left and that no request uses any more.
  asio::awaitable<void> release(std::shared_ptr<Component> broker);
  // Events under way go back to their broker.
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace);

 private:
  struct Live;
  using Lives = std::vector<std::shared_ptr<Live>>;
  Lives wanted(const Snapshot& snapshot) const;
  Lives open_missing(const Lives& wanted);
  static bool holds(const Lives& list, const Live& live);
  asio::awaitable<void> open(std::shared_ptr<Live> live);
  asio::awaitable<void> end(std::shared_ptr<Live> live, std::chrono::steady_clock::duration grace);

  Application& app_;
  Gate gate_;
  Lives live_;
  std::size_t next_shard_ = 0;
  bool started_ = false, stopped_ = false;
};

}  // namespace mecha::state
