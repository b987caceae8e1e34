// Locks in an SQLite file that the sidecars of a host share, for durable locks without a server; an extension of ours. A lock is
// a row with its owner and the time at which it ends, by the clock of the host.

#include <chrono>
#include <memory>

#include "components/catalog.hpp"
#include "components/lock/lock_store.hpp"
#include "components/sqlite/connection_string.hpp"
#include "runtime/base/clock.hpp"

namespace mecha::lock {
namespace {

using namespace std::chrono_literals;
using sqlite::Connection;
using std::chrono::milliseconds;

struct SqliteSettings {
  std::string connection;
  milliseconds busy_timeout = 5s;

  static constexpr auto fields() {
    using S = SqliteSettings;
    return std::tuple{
        field("connectionString", &S::connection, "Path or file: URI of a file on this host.").aliases("url").required("missing connection string"),
        field("busyTimeout", &S::busy_timeout, "Wait for locks of other processes."),
    };
  }
};

// What is over makes room first, so that the table holds no more than what is locked.
Result<void> drop_expired(Connection& connection, std::int64_t now) {
  MECHA_TRY([[maybe_unused]] const auto gone, connection.execute("DELETE FROM locks WHERE expires <= ?", {now}));
  return {};
}

class SqliteLock final : public LockStore {
 public:
  using Settings = SqliteSettings;
  static constexpr ComponentInfo info{"lock.sqlite", "v1", "A file on this host; durable, no server. An extension of Mecha."};

  SqliteLock(Settings settings, const ComponentContext&) : settings_(std::move(settings)) {}

  static Result<void> check(const Settings& settings) {
    MECHA_TRY(const auto options, sqlite::parse_connection_string(settings.connection));
    return sqlite::check_place(options);
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, sqlite::parse_connection_string(settings_.connection));
    options.connection.busy_timeout = std::max(settings_.busy_timeout, milliseconds(0));
    auto opened = co_await sqlite::Database::open(std::move(options));
    if (!opened) co_return fail(std::move(opened).error().context("sqlite lock: opening " + settings_.connection));
    database_ = *std::move(opened);
    auto made = co_await database_->migrate([](Connection& connection) {
      return connection.script(
          "CREATE TABLE IF NOT EXISTS locks (key TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;"
          "CREATE INDEX IF NOT EXISTS locks_expires ON locks (expires);"
      );
    });
    if (!made) co_return fail(std::move(made).error().context("sqlite lock: making its table"));
    co_return Result<void>{};
  }

  Async<void> stop() override {
    co_return co_await run_aside("sqlite-close", [this] { database_.reset(); });
  }

  Async<bool> try_lock(TryLockRequest request) override {
    co_return co_await database_->write<bool>([r = std::move(request)](Connection& connection) -> Result<bool> {
      const auto now = unix_ms();
      MECHA_TRY_VOID(drop_expired(connection, now));
      MECHA_TRY(
          const auto made,
          connection.execute("INSERT OR IGNORE INTO locks VALUES (?, ?, ?)", {r.key, r.owner, now + std::int64_t{1000} * r.expiry_seconds})
      );
      return made == 1;
    });
  }

  Async<UnlockStatus> unlock(UnlockRequest request) override {
    co_return co_await database_->write<UnlockStatus>([r = std::move(request)](Connection& connection) -> Result<UnlockStatus> {
      MECHA_TRY_VOID(drop_expired(connection, unix_ms()));
      MECHA_TRY(const auto rows, connection.query("SELECT owner FROM locks WHERE key = ?", {r.key}));
      if (rows.empty()) return UnlockStatus::lock_does_not_exist;
      if (rows.front().text(0) != r.owner) return UnlockStatus::lock_belongs_to_others;
      MECHA_TRY([[maybe_unused]] const auto gone, connection.execute("DELETE FROM locks WHERE key = ?", {r.key}));
      return UnlockStatus::success;
    });
  }

 private:
  const SqliteSettings settings_;
  std::unique_ptr<sqlite::Database> database_;
};

}  // namespace

void register_sqlite(Catalog& catalog) { catalog.add<SqliteLock>(); }

}  // namespace mecha::lock
