// Watchdog: one movable deadline of a connection. Moving it costs nothing unless it comes nearer than the timer that
// is already set, so deadlines may change with every message.

#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <boost/asio/steady_timer.hpp>

#include "runtime/async/async.hpp"

namespace mecha::net {

class Watchdog {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `expire` runs on the executor whenever a deadline passes; never after the watchdog is gone.
  Watchdog(Executor executor, std::function<void()> expire)
      : state_(std::make_shared<State>(std::move(executor), std::move(expire))) {}
  ~Watchdog() {
    state_->expire = nullptr;
    state_->timer.cancel();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void set(std::chrono::milliseconds from_now) {  // 0: none
    if (from_now.count() == 0) return clear();
    state_->deadline = std::chrono::steady_clock::now() + from_now;
    if (state_->deadline < state_->armed) arm(state_);
  }
  void clear() { state_->deadline = Time::max(); }
  bool expired() const { return state_->expired; }

 private:
  struct State {
    State(Executor executor, std::function<void()> hook)
        : timer(std::move(executor)), expire(std::move(hook)) {}
    asio::steady_timer timer;
    std::function<void()> expire;
    Time deadline = Time::max();
    Time armed = Time::max();  // when the timer fires
    bool expired = false;
  };

  static void arm(const std::shared_ptr<State>& state) {
    state->armed = state->deadline;
    state->timer.expires_at(state->deadline);  // ends an earlier wait
    state->timer.async_wait([state](const boost::system::error_code& error) {
      if (error || !state->expire) return;
      state->armed = Time::max();
      if (state->deadline == Time::max()) return;
      if (std::chrono::steady_clock::now() < state->deadline) return arm(state);
      state->expired = true;
      state->deadline = Time::max();
      const auto hook = state->expire;  // it may end the watchdog
      hook();
    });
  }

  std::shared_ptr<State> state_;
};

}  // namespace mecha::net
