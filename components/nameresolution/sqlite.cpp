// sqlite: the sidecars of a host find each other in a table of an SQLite file (contract 06, 6.3).

#include <algorithm>
#include <atomic>

#include <boost/asio/co_spawn.hpp>

#include "components/nameresolution/resolver.hpp"
#include "components/sqlite/database.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"

namespace mecha::nameresolution {
namespace {

using namespace std::chrono_literals;

struct SqliteSettings {
  std::string connection_string;
  std::chrono::nanoseconds timeout = 1s, busy_timeout = 800ms, update_interval = 5s, cleanup_interval = 1h;
  bool disable_wal = false;
  std::string table = "hosts", metadata_table = "metadata";
};

std::string text_of(const json::Value& value) {
  if (value.is_string()) return value.as_string();
  return value.is_number() ? value.number_text() : json::write(value);
}

Result<void> read_duration(
    const json::Value& configuration, std::string_view key, std::chrono::nanoseconds& into
) {
  const auto* value = configuration.find_nocase(key);
  if (value == nullptr || value->is_null()) return {};
  const auto parsed = text::duration_or(text_of(*value), 1s);
  if (!parsed) return fail(Code::invalid_argument, std::string(key) + " must be a duration, got " + text_of(*value));
  into = *parsed;
  return {};
}

Result<void> read_identifier(const json::Value& configuration, std::string_view key, std::string& into) {
  const auto* value = configuration.find_nocase(key);
  if (value == nullptr || text_of(*value).empty()) return {};
  into = text_of(*value);
  for (const char c : into) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!plain) return fail(Code::invalid_argument, "invalid identifier: " + into);
  }
  return {};
}

Result<SqliteSettings> read_settings(const json::Value& configuration) {
  SqliteSettings settings;
  const auto* connection = configuration.find_nocase("connectionString");
  if (connection == nullptr) connection = configuration.find_nocase("url");
  if (connection == nullptr || text_of(*connection).empty()) {
    return fail(Code::invalid_argument, "missing connection string");
  }
  settings.connection_string = text_of(*connection);
  MECHA_TRY_VOID(read_duration(configuration, "timeout", settings.timeout));
  MECHA_TRY_VOID(read_duration(configuration, "busyTimeout", settings.busy_timeout));
  MECHA_TRY_VOID(read_duration(configuration, "updateInterval", settings.update_interval));
  MECHA_TRY_VOID(read_duration(configuration, "cleanupInterval", settings.cleanup_interval));
  MECHA_TRY_VOID(read_identifier(configuration, "tableName", settings.table));
  MECHA_TRY_VOID(read_identifier(configuration, "metadataTableName", settings.metadata_table));
  if (const auto* wal = configuration.find_nocase("disableWAL")) settings.disable_wal = text::truthy(text_of(*wal));
  if (settings.timeout < 1s) return fail(Code::invalid_argument, "timeout must be at least 1s");
  if (settings.update_interval % 1s != 0ns) {
    return fail(Code::invalid_argument, "updateInterval must be a whole number of seconds");
  }
  if (settings.update_interval < settings.timeout + 1s) {
    return fail(Code::invalid_argument, "updateInterval must be at least a second longer than timeout");
  }
  return settings;
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class SqliteResolver final : public Resolver {
 public:
  SqliteResolver(SqliteSettings settings, Self self, const ComponentContext& context)
      : settings_(std::move(settings)),
        self_(std::move(self)),
        log_(context.log),
        home_(context.shards.executor(0)),
        gate_(home_),
        id_(text::uuid()) {
    const bool ip6 = self_.host.find(':') != std::string::npos;
    address_ = (ip6 ? "[" + self_.host + "]" : self_.host) + ":" + std::to_string(self_.internal_port);
    const auto columns = "(registration_id, address, app_id, namespace, last_update)";
    register_ = "REPLACE INTO " + settings_.table + " " + columns + " VALUES (?, ?, ?, '', ?)";
    refresh_ = "UPDATE " + settings_.table + " SET last_update = ? WHERE registration_id = ? AND address = ?";
    look_up_ = "SELECT address FROM " + settings_.table + " WHERE app_id = ? AND last_update > ? ORDER BY RANDOM() LIMIT 1";
  }

  Async<void> start() override {
    sqlite::DatabaseOptions options;
    const auto& text = settings_.connection_string;
    options.connection.uri = text.starts_with("file:") || text == ":memory:" ? text : "file:" + text;
    options.connection.busy_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.busy_timeout);
    options.connection.journal_mode = settings_.disable_wal ? "DELETE" : "WAL";
    options.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.timeout);
    MECHA_CO_TRY(database_, co_await sqlite::Database::open(std::move(options)));
    MECHA_CO_TRY_VOID(co_await migrate());
    MECHA_CO_TRY_VOID(co_await enter());
    spawn(gate_, home_, keep_fresh());
    co_return Result<void>{};
  }

  Async<void> stop() override {
    co_await gate_.close(0s);
    if (database_ == nullptr) co_return Result<void>{};
    const auto gone = co_await database_->execute(
        "DELETE FROM " + settings_.table + " WHERE registration_id = ?", {id_}
    );
    database_.reset();
    if (!gone) co_return fail(gone.error());
    co_return Result<void>{};
  }

  Async<std::string> resolve(ResolveRequest request) override {
    const auto oldest = unix_seconds() - std::chrono::duration_cast<std::chrono::seconds>(settings_.update_interval).count();
    MECHA_CO_TRY(const auto rows, co_await database_->query(look_up_, {request.id, oldest}));
    if (rows.empty()) co_return fail(Code::not_found, "no host found with the given ID");
    co_return rows.front().text(0);
  }

 private:
  Async<void> migrate() {
    const auto hosts = settings_.table, metadata = settings_.metadata_table;
    const auto script = "CREATE TABLE IF NOT EXISTS " + metadata + " (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
                        "CREATE TABLE IF NOT EXISTS " + hosts + " (registration_id TEXT NOT NULL PRIMARY KEY, "
                        "address TEXT NOT NULL, app_id TEXT NOT NULL, namespace TEXT NOT NULL, last_update INTEGER NOT NULL);"
                        "CREATE UNIQUE INDEX IF NOT EXISTS " + hosts + "_address_idx ON " + hosts + " (address);"
                        "CREATE INDEX IF NOT EXISTS " + hosts + "_last_update_idx ON " + hosts + " (last_update);"
                        "INSERT OR IGNORE INTO " + metadata + " (key, value) VALUES ('nr-migrations', '1');";
    co_return co_await database_->migrate([script](sqlite::Connection& connection) { return connection.script(script); });
  }

  Async<void> enter() {
    MECHA_CO_TRY([[maybe_unused]] const auto rows, co_await database_->execute(register_, {id_, address_, self_.app_id, unix_seconds()}));
    co_return Result<void>{};
  }

  // Before others stop believing in the row, whose age is told in whole seconds: it looks up to one older than it is.
  std::chrono::nanoseconds refresh_pause() const {
    const auto spare = settings_.update_interval - settings_.timeout;
    return std::max(spare / 2, spare - std::chrono::nanoseconds(1s));
  }

  // Others stop believing in a row that is not touched; a row that is lost is put back.
  asio::awaitable<void> keep_fresh() {
    auto cleaned = std::chrono::steady_clock::now();
    constexpr std::chrono::nanoseconds kFirst = 200ms;
    auto pause = refresh_pause();
    auto again = kFirst;  // after a failure; twice as long after each more
    while (co_await sleep_for(pause)) {
      const auto touched = co_await database_->execute(refresh_, {unix_seconds(), id_, address_});
      pause = touched ? refresh_pause() : std::min(refresh_pause(), again);
      again = touched ? kFirst : std::min(refresh_pause(), 2 * again);
      if (!touched) {
        log_.error("cannot refresh the host registration: " + touched.error().message);
      } else if (*touched == 0) {
        log_.error("Host registration lost");
        (void)co_await enter();
      }
      if (settings_.cleanup_interval > 0ns && std::chrono::steady_clock::now() - cleaned > settings_.cleanup_interval) {
        cleaned = std::chrono::steady_clock::now();
        const auto stale = unix_seconds() - 2 * std::chrono::duration_cast<std::chrono::seconds>(settings_.update_interval).count();
        (void)co_await database_->execute("DELETE FROM " + settings_.table + " WHERE last_update < ?", {stale});
      }
    }
  }

  SqliteSettings settings_;
  Self self_;
  Log log_;
  Executor home_;
  Gate gate_;
  std::string id_, address_, register_, refresh_, look_up_;
  std::unique_ptr<sqlite::Database> database_;
};

}  // namespace

Result<std::unique_ptr<Resolver>> make_sqlite(
    const json::Value& configuration, const Self& self, const ComponentContext& context
) {
  MECHA_TRY(auto settings, read_settings(configuration));
  return std::make_unique<SqliteResolver>(std::move(settings), self, context);
}

}  // namespace mecha::nameresolution
