// One subscription of pubsub.sqlite: takes messages of its group from the log, as many as may be handled at once, holds them
// while the handler runs, and settles each. Lives on the shard that subscribed; whatever it holds when it goes comes again.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "components/pubsub/sqlite_log.hpp"
#include "runtime/async/lanes.hpp"

namespace mecha::pubsub {

// Wakes a sleeper of one shard from any thread; a ring while nobody sleeps is kept for the next.
class Bell : public std::enable_shared_from_this<Bell> {
 public:
  explicit Bell(Executor executor) : executor_(executor), timer_(executor) {}
  void ring();
  // On its shard: forgets rings so far.
  void hush() { rung_ = false; }
  // Until it rings, or `limit` is over, or the caller is cancelled.
  asio::awaitable<void> wait(std::chrono::steady_clock::duration limit);

 private:
  Executor executor_;
  asio::steady_timer timer_;
  bool rung_ = false;
};

struct FeedOptions {
  std::string group;
  std::size_t concurrency = 100;
  std::int64_t deliveries_max = 0;  // 0: no limit
  std::chrono::milliseconds visibility{10'000}, retry{1000}, poll{2000};
};

class SqliteFeed final : public Subscription {
 public:
  // `news` tells other processes that there is something to take. Log and options outlive the feed.
  SqliteFeed(Executor executor, SqliteLog& log, const FeedOptions& options, Log logger, std::function<void()> news, Handler handler);

  Async<void> start(std::string topic);
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override;
  const std::shared_ptr<Bell>& bell() const { return bell_; }

 private:
  asio::awaitable<void> run();
  Async<bool> take_some();
  asio::awaitable<void> handle(std::shared_ptr<LogEntry> entry);
  Async<void> settle(const LogEntry& entry, Verdict verdict);
  asio::awaitable<void> keep_holding();

  Executor executor_;
  SqliteLog& log_;
  const FeedOptions& options_;
  const Log logger_;
  const std::function<void()> news_;
  const Handler handler_;
  const std::string holder_;
  const std::shared_ptr<Bell> bell_;
  Gate gate_;
  Lanes lanes_;
  std::string topic_;
  ConsumerId consumer_ = 0;
  std::set<std::int64_t> held_;
  bool keeping_ = false;  // keep_holding() runs
  bool stopping_ = false;
};

}  // namespace mecha::pubsub
