// Gate: counts the background work of an owner, so that the owner can wait for its end.
//
// spawn(gate, executor, coroutine) is the only way to start background work: it can be found by search, it is always
// joined, and an exception that leaves it is logged by the hook set below. A gate belongs to one shard: all its calls
// come from one thread. It must be closed and empty when destroyed.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <utility>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/async/async.hpp"

namespace mecha {

class Gate {
 public:
  explicit Gate(Executor executor);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  bool closed() const { return closed_; }
  std::size_t running() const { return signals_.size(); }

  // No new work starts from here on; what runs goes on. Safe to call again.
  void shut() { closed_ = true; }
  // Shuts, waits up to `grace` for what runs, then cancels it and waits for it to unwind (without limit: cancelled
  // work must end). Returns true if nothing had to be cancelled.
  asio::awaitable<bool> close(std::chrono::steady_clock::duration grace);
  // Cancels all that runs, at once.
  void cancel();

  // Starts `work` on `executor`; returns false, and runs nothing, when the gate is shut.
  bool spawn(Executor executor, asio::awaitable<void> work);
  // The same for work that is told how to be cancelled alone: `make(signal)` makes it, and emits on that signal, or lets others do
  // so, on the work's shard and while it runs.
  template <class Make>
  bool spawn_cancellable(Executor executor, Make make) {
    if (closed_) return false;
    const auto signal = signals_.emplace(signals_.end());
    run(std::move(executor), make(*signal), signal);
    return true;
  }

 private:
  using Signal = std::list<asio::cancellation_signal>::iterator;
  void run(Executor executor, asio::awaitable<void> work, Signal signal);

  std::list<asio::cancellation_signal> signals_;
  asio::steady_timer idle_;
  bool closed_ = false;
};

inline bool spawn(Gate& gate, Executor executor, asio::awaitable<void> work) {
  return gate.spawn(std::move(executor), std::move(work));
}

// Called with the text of an exception that left background work. Set once at start; default: standard error.
void on_stray_exception(std::function<void(const std::string&)> hook);

}  // namespace mecha
