// Bridges: several bridges for a blocking library whose calls may run side by side. A call goes to the thread with the least to
// do; threads begin when they are first needed.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/async/bridge.hpp"

namespace mecha {

// Threads: from any shard; a call ends on the caller's. The destructor finishes what is queued.
class Bridges {
 public:
  static constexpr std::size_t kMost = 8;

  // `name` is that of the threads (15 characters at most); `most` of them, 1 to kMost.
  explicit Bridges(std::string name, std::size_t most = kMost);

  // Runs `job` with the number of its thread, below `most`; jobs of one number never run side by side. A caller that is cancelled
  // leaves the job behind (see Bridge::call_or_leave), and what it uses stays its own until it ends. A call that waits for longer
  // than `limit` fails with `deadline_exceeded` and is not begun.
  template <class T>
  Async<T> call(std::chrono::milliseconds limit, std::function<Result<T>(std::size_t, Asked<T>&)> job, Caller caller = Caller::leaves) {
    const Waiting waiting(waiting_);
    const auto number = pick();
    const auto until = Clock::now() + limit;
    auto held = std::make_shared<Leave>(threads_[number].load);
    co_return co_await threads_[number].bridge->template call_or_leave<T>(
        [number, until, held = std::move(held), job = std::move(job)](Asked<T>& asked) -> Result<T> {
          if (Clock::now() > until) {
            return fail(Error{.code = Code::deadline_exceeded, .message = "context deadline exceeded", .failure = Failure::timeout});
          }
          auto result = job(number, asked);
          held->leave();  // before the caller, who may call again, knows
          return result;
        },
        caller
    );
  }

  // Nobody waits for a call: what is queued or runs was left behind. From any thread.
  bool forsaken() const { return *waiting_ == 0; }

  // Queues `job` on every thread that has begun.
  void post_each(const std::function<void(std::size_t)>& job);

  // Finishes what is queued and ends the threads: blocks. No call may come after it.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  struct Thread {
    const std::shared_ptr<std::atomic<std::size_t>> load = std::make_shared<std::atomic<std::size_t>>(0);  // calls
    std::unique_ptr<Bridge> bridge;
  };
  // Goes with the job, not with who waits for it; the last to hold it may go on after the bridges have gone.
  struct Leave {
    explicit Leave(std::shared_ptr<std::atomic<std::size_t>> of) : load(std::move(of)) {}
    ~Leave() { leave(); }
    void leave() {
      if (!std::exchange(left, true)) --*load;
    }
    Leave(const Leave&) = delete;
    Leave& operator=(const Leave&) = delete;
    const std::shared_ptr<std::atomic<std::size_t>> load;
    bool left = false;
  };

  // Of a caller, which may go on after the bridges have gone.
  struct Waiting {
    explicit Waiting(std::shared_ptr<std::atomic<std::size_t>> of) : count(std::move(of)) { ++*count; }
    ~Waiting() { --*count; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    const std::shared_ptr<std::atomic<std::size_t>> count;
  };

  // The first with nothing to do, else the one with the least; counts the call.
  std::size_t pick();

  const std::string name_;
  const std::size_t most_;
  std::mutex mutex_;  // of picking
  const std::shared_ptr<std::atomic<std::size_t>> waiting_ = std::make_shared<std::atomic<std::size_t>>(0);  // callers
  std::array<Thread, kMost> threads_;
};

}  // namespace mecha
