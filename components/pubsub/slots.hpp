// Slots: a limit on work that all shards share. Waiters are served in order of arrival; cancellation safe.

#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include <boost/asio/steady_timer.hpp>

#include "runtime/async/async.hpp"

namespace mecha::pubsub {

class Slots {
 public:
  explicit Slots(std::size_t count) : free_(count) {}

  // Held until it goes; empty when the wait was cancelled.
  class Held {
   public:
    Held() = default;
    explicit Held(Slots* slots) : slots_(slots) {}
    Held(Held&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Held& operator=(Held&& other) noexcept {
      std::swap(slots_, other.slots_);
      return *this;
    }
    ~Held() {
      if (slots_ != nullptr) slots_->release();
    }
    explicit operator bool() const { return slots_ != nullptr; }

   private:
    Slots* slots_ = nullptr;
  };

  asio::awaitable<Held> acquire();

 private:
  struct Waiter {
    explicit Waiter(const Executor& on) : executor(on), timer(on, asio::steady_timer::time_point::max()) {}
    Executor executor;
    asio::steady_timer timer;  // touched on its own shard only
    bool granted = false;      // guarded by the mutex
  };
  bool settle(const std::shared_ptr<Waiter>& waiter);
  void release();

  std::mutex mutex_;
  std::size_t free_;
  std::deque<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace mecha::pubsub
