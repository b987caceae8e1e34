// Pool: clients of a MongoDB deployment, each used by a thread of its own behind a Bridge. Threads and connections come when
// they are first needed; the driver watches the servers and finds a new primary by itself.
//
// Threads: from any shard; a call ends on the caller's. One that waits for longer than the options' timeout fails with
// `deadline_exceeded` and is not begun. Who is cancelled leaves the work behind: it owns what it uses, its client serves no other
// until it ends, and it sends no further write (see Session). The destructor, or close(), finishes what is queued and waits for the
// driver's threads: it blocks.

#pragma once

#include <functional>
#include <memory>

#include "components/mongodb/session.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/bridges.hpp"

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

  // No call may come after it.
  void close();
  // Close() waits for nothing that anybody waits for. From any thread.
  bool forsaken() const { return bridges_.forsaken(); }

  template <class T>
  using Work = std::function<Result<T>(Session&)>;

  template <class T>
  Async<T> run(Work<T> work) {
    return bridges_.call<T>(options_.timeout, [this, work = std::move(work)](std::size_t, Asked<T>& asked) -> Result<T> {
      const Lease lease(*this, [&asked] { return asked.waits(); });
      if (lease.session == nullptr) return fail(Code::unavailable, "no connection to MongoDB was free within waitQueueTimeoutMS");
      return work(*lease.session);
    });
  }

 private:
  struct Lease {
    Lease(Pool& pool, std::function<bool()> wanted);
    ~Lease();
    Pool& pool;
    _mongoc_client_t* client;
    std::unique_ptr<Session> session;  // none: the URI has a limit on waiting for a client, and it is over
  };

  Pool(Options options, _mongoc_client_pool_t* clients, bool names_replica_set)
      : options_(std::move(options)), clients_(clients), names_replica_set_(names_replica_set) {}

  const Options options_;
  _mongoc_client_pool_t* clients_;
  const bool names_replica_set_;
  Bridges bridges_{"mongodb"};
};

}  // namespace mecha::mongodb
