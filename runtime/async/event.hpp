// Event and Semaphore for the coroutines of one shard: no locks, cancellation safe.

#pragma once

#include <cstddef>
#include <list>
#include <memory>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/async/async.hpp"

namespace mecha {

// Set once or pulsed; waiters wake. Lives on one shard.
class Event {
 public:
  explicit Event(Executor executor) : timer_(std::move(executor)) {
    timer_.expires_at(asio::steady_timer::time_point::max());
  }
  bool is_set() const { return set_; }
  void set() {
    set_ = true;
    timer_.cancel();
  }
  void reset() { set_ = false; }
  // Wakes all waiters without staying set.
  void pulse() { timer_.cancel(); }
  // Returns when set, pulsed or cancelled; the caller looks again at what it waits for.
  asio::awaitable<void> wait() {
    if (set_) co_return;
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

 private:
  asio::steady_timer timer_;
  bool set_ = false;
};

// Returns when the caller is cancelled, and never before.
inline asio::awaitable<void> until_cancelled() {
  Event never(co_await asio::this_coro::executor);
  for (;;) {
    co_await never.wait();
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
  }
}

// Counting semaphore in order of arrival. Lives on one shard.
class Semaphore {
 public:
  Semaphore(Executor executor, std::size_t count) : executor_(std::move(executor)), free_(count) {}

  // Waits for a slot. False if the wait was cancelled (no slot is held then).
  asio::awaitable<bool> acquire();
  void release();
  std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    explicit Waiter(const Executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    bool granted = false;
  };
  Executor executor_;
  std::size_t free_;
  std::list<std::shared_ptr<Waiter>> waiters_;  // costs nothing while nobody waits
};

}  // namespace mecha
