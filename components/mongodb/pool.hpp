// Pool: clients of a MongoDB deployment, each used by a thread of its own behind a Bridge. Threads and connections come when
// they are first needed; the driver watches the servers and finds a new primary by itself.
//
// Threads: from any shard; a call ends on the caller's. Once queued, a call is not cancelled: the caller waits for it. One that
// waits for longer than the options' timeout fails with `deadline_exceeded` and is not begun. The destructor finishes what is
// queued and waits for the driver's threads: it blocks.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include "components/mongodb/session.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/bridge.hpp"

struct _mongoc_client_pool_t;

namespace mecha::mongodb {

class Pool {
 public:
  // Fails if the URI is none. No connection is made yet; the names of a seed list (mongodb+srv) are looked up: it blocks.
  static Result<std::unique_ptr<Pool>> open(Options options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  bool names_replica_set() const { return names_replica_set_; }

  template <class T>
  using Work = std::function<Result<T>(Session&)>;

  template <class T>
  Async<T> run(Work<T> work) {
    Worker& worker = pick();
    const Leave leave{worker};
    const auto until = Clock::now() + options_.timeout;
    co_return co_await worker.bridge->template call<T>([this, until, work = std::move(work)]() -> Result<T> {
      if (Clock::now() > until) return fail(Error{.code = Code::deadline_exceeded, .message = "context deadline exceeded", .failure = Failure::timeout});
      const Lease lease(*this);
      if (lease.session == nullptr) return fail(Code::unavailable, "no connection to MongoDB was free within waitQueueTimeoutMS");
      return work(*lease.session);
    });
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kWorkers = 8;

  struct Worker {
    std::atomic<std::size_t> load = 0;  // calls
    std::unique_ptr<Bridge> bridge;
  };
  struct Leave {
    Worker& worker;
    ~Leave() { --worker.load; }
  };
  struct Lease {
    explicit Lease(Pool& pool);
    ~Lease();
    Pool& pool;
    _mongoc_client_t* client;
    std::unique_ptr<Session> session;  // none: the URI has a limit on waiting for a client, and it is over
  };

  Pool(Options options, _mongoc_client_pool_t* clients, bool names_replica_set)
      : options_(std::move(options)), clients_(clients), names_replica_set_(names_replica_set) {}
  Worker& pick();

  const Options options_;
  _mongoc_client_pool_t* clients_;
  const bool names_replica_set_;
  std::mutex mutex_;  // of picking
  std::array<Worker, kWorkers> workers_;
};

}  // namespace mecha::mongodb
