// Pool: connections to a MySQL server, each on a thread of its own behind a Bridge. Threads and connections come when they
// are first needed; a lost connection is replaced before the next work, one that is old or idled for long as well.
//
// Threads: from any shard; a call ends on the caller's. One that waits for longer than the options' timeout fails with
// `deadline_exceeded` and is not begun. Who is cancelled leaves the work behind, unless it says that it stays: the work owns what it uses, and its connection serves no
// other until it ends. The destructor, or close(), finishes what is queued: it blocks.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "components/mysql/connection.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/bridges.hpp"

namespace mecha::mysql {

class Pool {
 public:
  explicit Pool(Options options) : options_(std::move(options)), bridges_("mysql", options_.connections_max) {}

  template <class T>
  using Work = std::function<Result<T>(Connection&)>;

  // Runs `work` with a connection. It leaves no transaction open.
  template <class T>
  Async<T> run(Work<T> work, Caller caller = Caller::leaves) {
    const auto job = [this, work = std::move(work)](std::size_t number, Asked<T>& asked) -> Result<T> {
      Slot& slot = slots_[number];
      MECHA_TRY(auto* const connection, open(slot));
      if (!asked.waits()) {  // opening took too long: what was answered as failed is not sent now
        keep(slot);
        return fail(Code::cancelled, "context canceled");
      }
      auto result = work(*connection);
      keep(slot);
      return result;
    };
    return bridges_.call<T>(options_.timeout, job, caller);
  }

  // Closes the connections that have idled for too long or are too old, or all. Those at work are closed after it.
  void close_idle(bool all);

  // Ends the threads: blocks. No call may come after it.
  void close() { bridges_.stop(); }
  // Close() waits for nothing that anybody waits for. From any thread.
  bool forsaken() const { return bridges_.forsaken(); }

 private:
  using Clock = std::chrono::steady_clock;

  // What a thread has.
  struct Slot {
    std::unique_ptr<Connection> connection;
    Clock::time_point used, opened;
    bool counted = false;  // among idle_
  };

  Result<Connection*> open(Slot& slot);
  void keep(Slot& slot);
  bool is_stale(const Slot& slot) const;
  void close(Slot& slot);

  Options options_;
  std::atomic<std::size_t> idle_ = 0;
  std::array<Slot, Bridges::kMost> slots_;
  Bridges bridges_;  // end before the connections do
};

}  // namespace mecha::mysql
