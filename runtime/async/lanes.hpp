// Lanes: runs work so that one key is in order and different keys are at once, up to a limit. Lives on one shard.

#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"

namespace mecha {

class Lanes {
 public:
  using Work = std::function<asio::awaitable<void>()>;  // no coroutine itself: it starts one with values

  // At most `parallel_max` run at once, the rest waits its turn.
  Lanes(Executor executor, std::size_t parallel_max);

  // In the order of pushes for one key; without a key (nullptr) as soon as there is room. False once closed.
  bool push(const std::string* key, Work work);
  // What waits or runs. Callers bound it: `co_await below(n)` waits until there are less than n.
  std::size_t pending() const { return pending_; }
  asio::awaitable<void> below(std::size_t limit);

  // Lets all that waits and runs end, then takes nothing more. A cancelled caller leaves as cancelled, once what ran has ended.
  asio::awaitable<void> finish();
  // Takes nothing more; lets all that waits and runs end within `grace`, then drops what waits and cancels what runs.
  asio::awaitable<void> close(std::chrono::steady_clock::duration grace);
  // Drops what waits; what runs goes on.
  void drop_waiting();

 private:
  struct Lane {
    std::deque<Work> waiting;
    std::string key;
    bool keyed = false;
  };

  void start_ready();
  asio::awaitable<void> run(std::shared_ptr<Lane> lane);
  void finished(const std::shared_ptr<Lane>& lane);

  Executor executor_;
  Gate gate_;
  Event changed_;
  std::size_t parallel_max_;
  std::size_t running_ = 0;
  std::size_t pending_ = 0;
  bool closed_ = false;
  std::unordered_map<std::string, std::shared_ptr<Lane>> lanes_;
  std::deque<std::shared_ptr<Lane>> ready_;  // have work and none of it runs
};

}  // namespace mecha
