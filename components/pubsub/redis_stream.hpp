// One subscription of pubsub.redis: a consumer group on a stream (contract 03, 4.2). Reads new entries on a connection of
// its own, takes back entries that lie unacknowledged for too long, runs the handler and acknowledges.
//
// What fails is acknowledged as well, as the contract has it, unless it took longer than the processing timeout: then the
// entry stays pending and is delivered again. Entries with a partition key keep its order, others run at once.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "components/pubsub/slots.hpp"
#include "components/redis/client.hpp"
#include "runtime/async/lanes.hpp"

namespace mecha::pubsub {

struct StreamOptions {
  std::string consumer;  // group and consumer name
  std::size_t queue_depth = 100;
  std::size_t concurrency = 10;
  std::chrono::milliseconds processing_timeout{60'000};
  std::chrono::milliseconds redeliver_interval{15'000};  // either 0: nothing is delivered again
  std::chrono::milliseconds block{5000};
};

class StreamSubscription final : public Subscription {
 public:
  // `slots` are those of the component. Everything given outlives the subscription.
  StreamSubscription(
      Executor executor, redis::Client& client, Slots& slots, const StreamOptions& options, Log log, std::string stream,
      Handler handler
  );

  // Makes the group, then reads in the background.
  Async<void> start();
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override;

 private:
  struct Entry {
    std::string id;
    Message message;
  };

  Async<void> make_group();
  Async<std::unique_ptr<redis::Session>> dial();
  asio::awaitable<void> read_loop();
  Async<void> read_some(redis::Session& session);
  asio::awaitable<void> redeliver_loop();
  Async<void> redeliver();
  Async<void> acknowledge_deleted(std::vector<std::string> ids);
  void take(const std::vector<redis::Reply>& entries);
  asio::awaitable<void> handle(std::shared_ptr<Entry> entry);
  asio::awaitable<void> end_reading();
  asio::awaitable<void> give_back();

  Executor executor_;
  redis::Client& client_;
  Slots& slots_;
  const StreamOptions& options_;
  const Log log_;
  const std::string stream_;
  const Handler handler_;
  Gate gate_;
  Lanes lanes_;
  std::multiset<std::string> waiting_;  // ids that were read and whose work has not begun
  std::multiset<std::string> working_;
  std::string refused_;          // what the reading connection failed with, if its server may have been the wrong one
  std::string server_;           // of the reading connection
  std::int64_t connection_ = 0;  // the server's number of the reading connection; 0: it does not tell
  bool reading_ = false;         // a command is under way whose reply has entries
  bool claiming_ = false;        // the same of those that are delivered again
  bool stopping_ = false;
};

}  // namespace mecha::pubsub
