// Pool: connections to a MySQL server, each on a thread of its own behind a Bridge. Threads and connections come when they
// are first needed; a lost connection is replaced before the next work, one that is old or idled for long as well.
//
// Threads: from any shard; a call ends on the caller's. Once queued, a call is not cancelled: the caller waits for it. One that
// waits for longer than the options' timeout fails with `deadline_exceeded` and is not begun. The destructor finishes what is queued.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include "components/mysql/connection.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/bridge.hpp"

namespace mecha::mysql {

class Pool {
 public:
  explicit Pool(Options options) : options_(std::move(options)) {}

  template <class T>
  using Work = std::function<Result<T>(Connection&)>;

  // Runs `work` with a connection. It leaves no transaction open.
  template <class T>
  Async<T> run(Work<T> work) {
    Worker& worker = pick();
    const Leave leave{worker};
    const auto until = Clock::now() + options_.timeout;
    co_return co_await worker.bridge->template call<T>([this, &worker, until, work = std::move(work)]() -> Result<T> {
      if (Clock::now() > until) {
        return fail(Error{.code = Code::deadline_exceeded, .message = "context deadline exceeded", .failure = Failure::timeout});
      }
      MECHA_TRY(auto* const connection, open(worker));
      auto result = work(*connection);
      keep(worker);
      return result;
    });
  }

  // Closes the connections that have idled for too long or are too old, or all. Those at work are closed after it.
  void close_idle(bool all);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kWorkers = 8;

  struct Worker {
    std::atomic<std::size_t> load = 0;  // calls
    std::unique_ptr<Connection> connection;
    Clock::time_point used, opened;
    bool counted = false;  // among idle_
    std::unique_ptr<Bridge> bridge;  // ends before the connection does
  };
  struct Leave {
    Worker& worker;
    ~Leave() { --worker.load; }
  };

  Worker& pick();
  Result<Connection*> open(Worker& worker);
  void keep(Worker& worker);
  bool is_stale(const Worker& worker) const;
  void close(Worker& worker);

  Options options_;
  std::mutex mutex_;  // of picking
  std::atomic<std::size_t> idle_ = 0;
  std::array<Worker, kWorkers> workers_;
};

}  // namespace mecha::mysql
