#include "components/sqlite/database.hpp"

namespace mecha::sqlite {
namespace {

// A transaction that took more would make the first of its callers wait for too long.
constexpr std::size_t kBatchMax = 512;

}  // namespace

Database::Database(DatabaseOptions options)
    : options_(std::move(options)), writer_(std::make_unique<Bridge>("sqlite-write")) {}

// The threads end before the connections that they use.
Database::~Database() {
  writer_.reset();
  reader_.reset();
}

Async<std::unique_ptr<Database>> Database::open(DatabaseOptions options) {
  std::unique_ptr<Database> database(new Database(std::move(options)));
  auto* self = database.get();
  MECHA_CO_TRY_VOID(co_await self->writer_->call<void>([self]() -> Result<void> {
    MECHA_TRY(self->writing_, Connection::open(self->options_.connection));
    return {};
  }));
  co_return database;
}

Async<std::int64_t> Database::execute(std::string sql, Params params, Caller caller) {
  return write<std::int64_t>(
      [sql = std::move(sql), params = std::move(params)](Connection& connection) {
        return connection.execute(sql, params);
      },
      Atomic::statement,
      caller
  );
}

Async<std::vector<Row>> Database::query(std::string sql, Params params) {
  return read<std::vector<Row>>(
      [sql = std::move(sql), params = std::move(params)](Connection& connection) {
        return connection.query(sql, params);
      }
  );
}

Async<void> Database::migrate(Work<void> work) {
  co_return co_await writer_->call<void>([this, work = std::move(work)]() -> Result<void> {
    MECHA_TRY_VOID(writing_->begin(true));
    auto done = work(*writing_);
    if (done) done = writing_->commit();
    writing_->rollback();
    return done;
  });
}

void Database::submit(JobPtr job) {
  job->deadline = std::chrono::steady_clock::now() + options_.timeout;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < options_.queue_max) {
      queue_.push_back(std::move(job));
      if (draining_) return;
      draining_ = true;
    }
  }
  if (job || !writer_->post([this] { drain(); })) {
    const Error error{.code = Code::resource_exhausted, .message = "too many calls are waiting for the database"};
    if (job) job->finish(&error);
  }
}

void Database::drain() {
  std::vector<JobPtr> batch;
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        draining_ = false;
        return;
      }
      const auto count = std::min(queue_.size(), kBatchMax);
      batch.assign(
          std::make_move_iterator(queue_.begin()),
          std::make_move_iterator(queue_.begin() + static_cast<std::ptrdiff_t>(count))
      );
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    }
    run_batch(batch);
    batch.clear();
  }
}

// Why the job could not be run at all; what it returned itself stands in the job.
std::optional<Error> Database::run_one(Job& job) {
  if (!job.waits()) return Error{.code = Code::cancelled, .message = "context canceled"};
  if (std::chrono::steady_clock::now() > job.deadline) {
    return Error{
        .code = Code::deadline_exceeded, .message = "context deadline exceeded", .failure = Failure::timeout};
  }
  // After a failure that ended the whole transaction (a full disk) the next job begins another.
  if (!writing_->in_transaction()) {
    const Connection::Watch watch(*writing_, [&job] { return job.waits(); });  // the lock may be another's for long
    if (auto begun = writing_->begin(); !begun) return std::move(begun).error();
  }
  if (!job.several) {
    job.done = job.run(*writing_);
    return std::nullopt;
  }
  if (auto point = writing_->execute("SAVEPOINT job"); !point) return std::move(point).error();
  job.done = job.run(*writing_);
  if (!writing_->in_transaction()) return std::nullopt;
  if (!job.done) (void)writing_->execute("ROLLBACK TO job");
  if (auto released = writing_->execute("RELEASE job"); !released) return std::move(released).error();
  return std::nullopt;
}

void Database::run_batch(const std::vector<JobPtr>& batch) {
  std::vector<Job*> open;  // done in the transaction that is open, so lost if it is
  const auto lose = [&open](const Error& why) {
    for (auto* job : open) job->finish(&why);
    open.clear();
  };
  for (const auto& job : batch) {
    if (const auto failure = run_one(*job)) job->finish(&*failure);
    else open.push_back(job.get());
    if (!open.empty() && !writing_->in_transaction()) {
      // A failure took the transaction with it; the job that met it has its own words for that.
      if (open.back() == job.get() && !job->done) {
        open.pop_back();
        job->finish(nullptr);
      }
      lose({.code = Code::unavailable, .message = "the transaction was rolled back by the database"});
    }
  }
  if (!writing_->in_transaction()) return;
  const auto committed = writing_->commit();
  if (!committed) {
    writing_->rollback();
    return lose(committed.error());
  }
  for (auto* job : open) job->finish(nullptr);
}

Bridge& Database::reader() {
  std::call_once(reader_once_, [this] { reader_ = std::make_unique<Bridge>("sqlite-read"); });
  return *reader_;
}

Result<Connection*> Database::reading() {
  if (!reading_) {
    auto options = options_.connection;
    options.journal_mode.clear();
    options.pragmas.emplace_back("query_only = 1");
    MECHA_TRY(reading_, Connection::open(options));
  }
  return reading_.get();
}

}  // namespace mecha::sqlite
