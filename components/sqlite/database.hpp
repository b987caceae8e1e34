// Database: an SQLite file as the components see it (decision 12 of the design). One writer thread takes whatever waits
// into one transaction and answers after the commit, so that many callers share one flush to the disk; a failure of one
// is undone by itself and does not touch the others. Reads have a connection and a thread of their own.
//
//   MECHA_CO_TRY(auto db, co_await Database::open({.connection = {.uri = "file:names.db", .journal_mode = "WAL"}}));
//   MECHA_CO_TRY(const auto changed, co_await db->execute("DELETE FROM t WHERE id = ?", {id}));
//   MECHA_CO_TRY(const auto rows, co_await db->query("SELECT a, b FROM t WHERE id = ?", {id}));
//
// Threads: from any shard; a call ends on the caller's. Who is cancelled leaves the work behind, unless it says that it stays: the
// work owns what it uses; a write that has begun is done to the end, a read is interrupted, what has not begun never does. The
// destructor finishes what is queued: it blocks. Both threads are started when they are first needed.

#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "components/sqlite/connection.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/bridge.hpp"

namespace mecha::sqlite {

struct DatabaseOptions {
  OpenOptions connection;
  bool single = false;  // one connection for all: databases in memory
  std::chrono::milliseconds timeout{20000};  // of waiting for the writer
  std::size_t queue_max = 100'000;
};

// What a piece of work needs of the transaction that it shares: nothing when it is one statement, which SQLite undoes by
// itself, a savepoint when it is several.
enum class Atomic : std::uint8_t { statement, several };

class Database {
 public:
  static Async<std::unique_ptr<Database>> open(DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Async<std::int64_t> execute(std::string sql, Params params = {}, Caller caller = Caller::leaves);
  Async<std::vector<Row>> query(std::string sql, Params params = {});

  template <class T>
  using Work = std::function<Result<T>(Connection&)>;

  // Runs `work` on the writer thread within the shared transaction. It must not begin or commit one.
  template <class T>
  Async<T> write(Work<T> work, Atomic atomic = Atomic::several, Caller caller = Caller::leaves) {
    const auto begin = [this, work = std::move(work), atomic](std::shared_ptr<Asked<T>> asked) {
      auto job = std::make_shared<JobOf<T>>(std::move(asked), work);
      job->several = atomic == Atomic::several;
      submit(std::move(job));
    };
    co_return co_await ask<T>(begin, caller);
  }

  // Runs `work` on the reader thread; it sees what was committed.
  template <class T>
  Async<T> read(Work<T> work) {
    if (options_.single) co_return co_await write<T>(std::move(work), Atomic::statement);
    co_return co_await reader().template call_or_leave<T>([this, work = std::move(work)](Asked<T>& asked) -> Result<T> {
      MECHA_TRY(auto* connection, reading());
      const Connection::Watch watch(*connection, [&asked] { return asked.waits(); });
      return work(*connection);
    });
  }

  // Runs `work` alone in an exclusive transaction of its own: migrations.
  Async<void> migrate(Work<void> work);

 private:
  struct Job {
    virtual ~Job() = default;
    virtual bool waits() = 0;
    virtual bool run(Connection& connection) = 0;
    // Answers the caller: with what the work returned, or with why that was lost. Once.
    virtual void finish(const Error* lost) = 0;
    bool several = true;
    bool done = false;  // the work succeeded, if its transaction does
    std::chrono::steady_clock::time_point deadline;
  };

  template <class T>
  struct JobOf final : Job {
    JobOf(std::shared_ptr<Asked<T>> a, Work<T> w) : asked(std::move(a)), work(std::move(w)) {}

    bool waits() override { return asked->waits(); }
    bool run(Connection& connection) override {
      result.emplace(work(connection));
      return result->has_value();
    }
    void finish(const Error* lost) override {
      if (lost) result.emplace(fail(*lost));
      asked->answer(*std::move(result));
    }

    const std::shared_ptr<Asked<T>> asked;
    const Work<T> work;
    std::optional<Result<T>> result;
  };
  using JobPtr = std::shared_ptr<Job>;

  explicit Database(DatabaseOptions options);
  void submit(JobPtr job);
  void drain();
  void run_batch(const std::vector<JobPtr>& batch);
  std::optional<Error> run_one(Job& job);
  Bridge& reader();
  Result<Connection*> reading();

  DatabaseOptions options_;
  std::mutex mutex_;
  std::deque<JobPtr> queue_;
  bool draining_ = false;
  std::once_flag reader_once_;
  std::unique_ptr<Connection> writing_;         // on the writer thread
  std::unique_ptr<Connection> reading_;         // on the reader thread
  std::unique_ptr<Bridge> writer_, reader_;     // last: they end first
};

}  // namespace mecha::sqlite
