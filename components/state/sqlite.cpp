// State store in an SQLite file: durable without a server, shared by processes of one host (contract 02, section 2.3).
// One row per key; JSON is kept as text, bytes as base64 with a flag. Every write is one statement.

#include <chrono>
#include <optional>

#include "components/catalog.hpp"
#include "components/sqlite/connection_string.hpp"
#include "components/state/state_store.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"

namespace mecha::state {
namespace {

using namespace std::chrono_literals;
using sqlite::Connection;
using sqlite::Database;
using sqlite::Params;
using sqlite::Row;
using std::chrono::milliseconds;

constexpr std::size_t kKeysMax = 32'000;  // parameters of one statement

struct SqliteSettings {
  std::string connection;
  milliseconds timeout = 20s;
  milliseconds busy_timeout = 2s;
  bool disable_wal = false;
  std::string table = "state";
  std::string metadata_table = "metadata";
  milliseconds cleanup_interval{0};

  static constexpr auto fields() {
    using S = SqliteSettings;
    return std::tuple{
        field("connectionString", &S::connection, "Path, file: URI or :memory:.")
            .aliases("url")
            .required("missing connection string"),
        field("timeout", &S::timeout, "Limit on one operation, 1s or more.").aliases("timeoutInSeconds"),
        field("busyTimeout", &S::busy_timeout, "Wait for locks of other processes."),
        field("disableWAL", &S::disable_wal, "No write-ahead log, for network file systems."),
        field("tableName", &S::table, "Table of the records."),
        field("metadataTableName", &S::metadata_table, "Table of the schema version."),
        field("cleanupInterval", &S::cleanup_interval, "How often expired rows are deleted; 0 is never.")
            .aliases("cleanupIntervalInSeconds"),
    };
  }
};

// The statements, with the names of the tables filled in.
struct Statements {
  std::string create, get, bulk_get, keys, put, put_first, update, remove, remove_etag, expire;
  std::string create_metadata, read_version, write_version, note_cleanup;
};

constexpr std::string_view kLive = "(expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP)";
// NULL seconds give a NULL time.
constexpr std::string_view kExpiry = "DATETIME(CURRENT_TIMESTAMP, ?5 || ' seconds')";
// The row stays where it is. REPLACE deletes and inserts, which writes a page of the index and two of the table.
constexpr std::string_view kOver =
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, is_binary = excluded.is_binary, etag = excluded.etag, "
    "expiration_time = excluded.expiration_time, update_time = excluded.update_time";

std::string fill(std::string text, const SqliteSettings& s) {
  text = text::replace_all(text, "{t}", s.table);
  text = text::replace_all(text, "{m}", s.metadata_table);
  text = text::replace_all(text, "{live}", kLive);
  text = text::replace_all(text, "{over}", kOver);
  return text::replace_all(text, "{expiry}", kExpiry);
}

Statements statements(const SqliteSettings& s) {
  return {
      .create = fill(
          "CREATE TABLE IF NOT EXISTS {t} (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, "
          "is_binary BOOLEAN NOT NULL, etag TEXT NOT NULL, expiration_time TIMESTAMP DEFAULT NULL, "
          "update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)", s),
      .get = fill("SELECT key, value, is_binary, etag, expiration_time FROM {t} WHERE key = ? AND {live}", s),
      .bulk_get = fill("SELECT key, value, is_binary, etag, expiration_time FROM {t} WHERE {live} AND key IN ", s),
      .keys = fill(
          "SELECT key FROM {t} WHERE key LIKE ?1 ESCAPE '\\' AND key > ?2 AND {live} ORDER BY key LIMIT ?3", s),
      .put = fill(
          "INSERT INTO {t} (key, value, is_binary, etag, expiration_time, update_time) "
          "VALUES (?1, ?2, ?3, ?4, {expiry}, CURRENT_TIMESTAMP) {over}", s),
      .put_first = fill(
          "INSERT INTO {t} (key, value, is_binary, etag, expiration_time, update_time) "
          "SELECT ?1, ?2, ?3, ?4, {expiry}, CURRENT_TIMESTAMP "
          "WHERE NOT EXISTS (SELECT 1 FROM {t} WHERE key = ?1 AND {live}) {over}", s),
      .update = fill(
          "UPDATE {t} SET value = ?2, is_binary = ?3, etag = ?4, expiration_time = {expiry}, "
          "update_time = CURRENT_TIMESTAMP WHERE key = ?1 AND etag = ?6 AND {live}", s),
      .remove = fill("DELETE FROM {t} WHERE key = ?", s),
      .remove_etag = fill("DELETE FROM {t} WHERE key = ? AND etag = ?", s),
      .expire = fill("DELETE FROM {t} WHERE expiration_time IS NOT NULL AND expiration_time < CURRENT_TIMESTAMP", s),
      .create_metadata = fill("CREATE TABLE IF NOT EXISTS {m} (key text NOT NULL PRIMARY KEY, value text NOT NULL)", s),
      .read_version = fill("SELECT value FROM {m} WHERE key = 'migrations'", s),
      .write_version = fill("INSERT INTO {m} (key, value) VALUES ('migrations', '1')", s),
      .note_cleanup = fill(
          "INSERT INTO {m} (key, value) VALUES ('last-cleanup', CURRENT_TIMESTAMP) ON CONFLICT (key) DO UPDATE "
          "SET value = CURRENT_TIMESTAMP WHERE (julianday(CURRENT_TIMESTAMP) - julianday(value)) * 86400.0 >= ?", s),
  };
}

// A write that only needs the database: one statement, and whether it must change a row.
struct Write {
  std::string sql;
  Params params;
  bool must_change = false;
};

Result<void> apply(Connection& connection, const Write& write) {
  MECHA_TRY(const auto changed, connection.execute(write.sql, write.params));
  if (write.must_change && changed == 0) return etag_mismatch();
  return {};
}

BulkItem to_item(Row& row) {
  BulkItem item{.key = row.text(0)};
  auto data = row.text(1);
  if (row.integer(2) != 0) {
    auto bytes = text::from_base64(data);
    if (!bytes) {
      item.error = Error{.code = Code::internal, .message = "failed to decode binary data: " + text::base64_fault(data)};
      return item;
    }
    data = *std::move(bytes);
  }
  item.item = Item{.data = std::move(data), .etag = row.text(3)};
  if (!row.is_null(4)) {
    auto time = row.text(4).substr(0, 19);  // without the zone, which is UTC, of those who write it
    if (time.size() > 10) time[10] = 'T';
    item.item->metadata["ttlExpireTime"] = time + "Z";
  }
  return item;
}

class SqliteStore final : public StateStore {
 public:
  using Settings = SqliteSettings;
  static constexpr ComponentInfo info{
      "state.sqlite", "v1", "A file on this host; durable, no server.", {"state.sqlite3"}};

  static Result<void> check(const Settings& settings) {
    MECHA_TRY(const auto options, options_of(settings));
    return sqlite::check_place(options);
  }

  static Result<sqlite::DatabaseOptions> options_of(const Settings& settings) {
    if (settings.timeout < 1s) return fail(Code::invalid_argument, "invalid value for 'timeout': must be greater than 1s");
    MECHA_TRY_VOID(sqlite::check_identifier(settings.table));
    MECHA_TRY_VOID(sqlite::check_identifier(settings.metadata_table));
    return sqlite::parse_connection_string(settings.connection, settings.disable_wal);
  }

  SqliteStore(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)),
        executor_(context.shards.executor(0)),
        log_(context.log),
        gate_(executor_) {}

  Async<void> start() override;
  Async<void> stop() override {
    co_await gate_.close(0s);
    co_return co_await run_aside("sqlite-close", [this] { database_.reset(); });
  }

  std::vector<std::string> features() const override {
    return {std::string(kEtag), std::string(kTransactional), std::string(kTtl), std::string(kKeysLike)};
  }

  Async<std::optional<Item>> get(GetRequest request) override;
  Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int parallelism) override;
  Async<void> set(SetRequest request) override { return write_one(prepare(std::move(request))); }
  Async<void> remove(DeleteRequest request) override { return write_one(prepare(std::move(request))); }
  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override {
    return write_each(std::move(requests));
  }
  Async<std::vector<KeyError>> bulk_delete(std::vector<DeleteRequest> requests) override {
    return write_each(std::move(requests));
  }
  bool transactional() const override { return true; }
  Async<void> transact(TransactRequest request) override;
  Async<KeyPage> keys_like(std::string pattern, std::size_t page_size, std::string token) override;

 private:
  Result<Write> prepare(SetRequest request) const;
  Result<Write> prepare(DeleteRequest request) const;
  Async<void> write_one(Result<Write> write);
  template <class R>
  Async<std::vector<KeyError>> write_each(std::vector<R> requests);
  asio::awaitable<void> clean_up();

  SqliteSettings settings_;
  Executor executor_;
  Log log_;
  Statements sql_;
  std::unique_ptr<Database> database_;
  Gate gate_;
};

Async<void> SqliteStore::start() {
  MECHA_CO_TRY(auto options, options_of(settings_));
  options.timeout = settings_.timeout;
  options.connection.busy_timeout = std::max(settings_.busy_timeout, milliseconds(0));
  sql_ = statements(settings_);
  auto opened = co_await Database::open(std::move(options));
  if (!opened) co_return fail(std::move(opened).error().context("failed to ping"));
  database_ = *std::move(opened);
  auto migrated = co_await database_->migrate([this](Connection& connection) -> Result<void> {
    MECHA_TRY_VOID(connection.script(sql_.create_metadata));
    MECHA_TRY_VOID(connection.script(sql_.create));
    MECHA_TRY(const auto version, connection.query(sql_.read_version));
    if (!version.empty()) return {};
    return connection.script(sql_.write_version);
  });
  if (!migrated) co_return fail(std::move(migrated).error().context("failed to perform migrations"));
  if (settings_.cleanup_interval > 0ms) spawn(gate_, executor_, clean_up());
  co_return Result<void>{};
}

Result<Write> SqliteStore::prepare(SetRequest request) const {
  if (request.key.empty()) return fail(Code::invalid_argument, "missing key in set option");
  MECHA_TRY_VOID(check_options(request.options));
  auto ttl = ttl_seconds(request.metadata);
  if (!ttl) return fail(std::move(ttl).error().context("error parsing TTL"));
  sqlite::Value expiry;
  if (*ttl && **ttl > 0) expiry = std::to_string(**ttl);
  const bool binary = std::holds_alternative<std::string>(request.value);
  auto text = to_bytes(std::move(request.value));
  if (binary) text = text::base64(text);
  Write write{
      .params = {std::move(request.key), std::move(text), std::int64_t{binary}, text::uuid(), std::move(expiry)}};
  if (!request.etag.empty()) {
    write.sql = sql_.update;
    write.params.emplace_back(std::move(request.etag));
    write.must_change = true;
  } else {
    write.must_change = first_write(request.options);
    write.sql = write.must_change ? sql_.put_first : sql_.put;
  }
  return write;
}

Result<Write> SqliteStore::prepare(DeleteRequest request) const {
  if (request.key.empty()) return fail(Code::invalid_argument, "missing key in delete operation");
  MECHA_TRY_VOID(check_options(request.options));
  if (request.etag.empty()) return Write{.sql = sql_.remove, .params = {std::move(request.key)}};
  return Write{
      .sql = sql_.remove_etag,
      .params = {std::move(request.key), std::move(request.etag)},
      .must_change = true};
}

Async<void> SqliteStore::write_one(Result<Write> write) {
  if (!write) co_return fail(std::move(write).error());
  co_return co_await database_->write<void>(
      [w = *std::move(write)](Connection& connection) { return apply(connection, w); },
      sqlite::Atomic::statement
  );
}

// All in one piece of work, each by itself.
template <class R>
Async<std::vector<KeyError>> SqliteStore::write_each(std::vector<R> requests) {
  std::vector<Result<Write>> writes;
  writes.reserve(requests.size());
  for (auto& request : requests) writes.push_back(prepare(std::move(request)));
  co_return co_await database_->write<std::vector<KeyError>>(
      [writes = std::move(writes)](Connection& connection) -> Result<std::vector<KeyError>> {
        std::vector<KeyError> failed;
        for (std::size_t i = 0; i < writes.size(); ++i) {
          auto done = writes[i] ? apply(connection, *writes[i]) : fail(writes[i].error());
          if (!done) failed.push_back({i, std::move(done).error()});
        }
        return failed;
      },
      sqlite::Atomic::statement
  );
}

Async<void> SqliteStore::transact(TransactRequest request) {
  std::vector<Write> writes;
  for (auto& operation : request.operations) {
    auto write = std::visit([this](auto& r) { return prepare(std::move(r)); }, operation);
    if (!write) co_return fail(std::move(write).error());
    writes.push_back(*std::move(write));
  }
  const auto atomic = writes.size() == 1 ? sqlite::Atomic::statement : sqlite::Atomic::several;
  co_return co_await database_->write<void>(
      [writes = std::move(writes)](Connection& connection) -> Result<void> {
        for (const auto& write : writes) MECHA_TRY_VOID(apply(connection, write));
        return {};
      },
      atomic
  );
}

Async<std::optional<Item>> SqliteStore::get(GetRequest request) {
  if (request.key.empty()) co_return fail(Code::invalid_argument, "missing key in get operation");
  Params params;
  params.emplace_back(std::move(request.key));
  MECHA_CO_TRY(auto rows, co_await database_->query(sql_.get, std::move(params)));
  if (rows.empty()) co_return std::nullopt;
  auto item = to_item(rows.front());
  if (item.error) co_return fail(*std::move(item.error));
  co_return std::move(item.item);
}

// Found rows by key, then the missing keys in the order of the request.
Async<std::vector<BulkItem>> SqliteStore::bulk_get(std::vector<GetRequest> requests, int) {
  if (requests.size() > kKeysMax) co_return fail(Code::invalid_argument, "too many keys in one request");
  if (requests.empty()) co_return std::vector<BulkItem>();
  std::string list = "(?";
  Params params;
  for (const auto& request : requests) {
    if (!params.empty()) list += ",?";
    params.emplace_back(request.key);
  }
  MECHA_CO_TRY(auto rows, co_await database_->query(sql_.bulk_get + list + ") ORDER BY key", std::move(params)));
  std::vector<BulkItem> items;
  items.reserve(requests.size());
  for (auto& row : rows) items.push_back(to_item(row));
  const auto found = items.size();
  for (auto& request : requests) {
    const auto end = items.begin() + static_cast<std::ptrdiff_t>(found);
    const auto it = std::lower_bound(items.begin(), end, request.key, [](const BulkItem& item, const std::string& key) {
      return item.key < key;
    });
    if (it == end || it->key != request.key) items.push_back({.key = std::move(request.key)});
  }
  co_return items;
}

Async<KeyPage> SqliteStore::keys_like(std::string pattern, std::size_t page_size, std::string token) {
  if (pattern.empty()) co_return fail(Code::invalid_argument, "keys like pattern cannot be empty");
  const auto limit = page_size == 0 ? std::int64_t{-1} : static_cast<std::int64_t>(page_size);
  Params params;
  params.emplace_back(std::move(pattern));
  params.emplace_back(std::move(token));
  params.emplace_back(limit);
  MECHA_CO_TRY(auto rows, co_await database_->query(sql_.keys, std::move(params)));
  KeyPage page;
  for (const auto& row : rows) page.keys.push_back(row.text(0));
  if (page_size > 0 && page.keys.size() == page_size) page.token = page.keys.back();
  co_return page;
}

// Several processes may share the file: the first one of each interval does it.
asio::awaitable<void> SqliteStore::clean_up() {
  const double least = std::chrono::duration<double>(settings_.cleanup_interval - 100ms).count();
  while (co_await sleep_for(settings_.cleanup_interval)) {
    const auto done = co_await database_->write<void>(
        [this, least](Connection& connection) -> Result<void> {
          MECHA_TRY(const auto mine, connection.execute(sql_.note_cleanup, {least}));
          if (mine == 0) return {};
          MECHA_TRY(const auto gone, connection.execute(sql_.expire));
          (void)gone;
          return {};
        }
    );
    if (!done) log_.warn("Expired records could not be deleted", {{"error", done.error().message}});
  }
}

}  // namespace

void register_sqlite(Catalog& catalog) { catalog.add<SqliteStore>(); }

}  // namespace mecha::state
