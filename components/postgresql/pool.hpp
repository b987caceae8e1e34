// Pool: connections to a PostgreSQL server, at most so many. They are opened when needed, closed when they idle for long or are
// old, and replaced after they broke. Each belongs to a shard; a shard without a share of them uses another one's.
//
// Every call ends within the limit of the options, waiting for a connection included, with "context deadline exceeded"; how many
// wait is bounded too. A call that is cancelled or runs out of time drops its connection, and the server is asked to end what it
// does for it, so that given up statements do not pile up there. Nothing is sent twice.
//
// Threads: from any shard. close() before the end, on shard 0, while the shards run; calls under way fail then.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "components/postgresql/connection.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/shards.hpp"

namespace mecha::postgresql {

class Pool {
 public:
  Pool(Shards& shards, Options options);
  ~Pool();

  Async<Answer> run(Statement statement);

  // `work` has a connection to itself. A transaction that it leaves open ends with the connection.
  template <class T>
  using Work = std::function<Async<T>(Connection&)>;
  template <class T>
  Async<T> with(Work<T> work) {
    const auto outcome = std::make_shared<std::optional<Result<T>>>();
    MECHA_CO_TRY_VOID(co_await lend([work = std::move(work), outcome](Connection& connection) {
      return keep<T>(work(connection), outcome);
    }));
    co_return *std::move(*outcome);
  }

  asio::awaitable<void> close();
  const std::shared_ptr<const Options>& options() const { return options_; }

 private:
  struct Home;
  struct Lease;
  using AnyWork = std::function<asio::awaitable<void>(Connection&)>;

  template <class T>
  static asio::awaitable<void> keep(Async<T> work, std::shared_ptr<std::optional<Result<T>>> outcome) {
    outcome->emplace(co_await std::move(work));
  }

  Async<void> lend(AnyWork work);
  static Async<void> lend_at(Home& home, AnyWork work);

  std::shared_ptr<const Options> options_;
  std::vector<std::unique_ptr<Home>> homes_;
};

}  // namespace mecha::postgresql
