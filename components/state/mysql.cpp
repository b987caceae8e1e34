// State in MySQL or MariaDB (contract 02, section 2.6). One row per key; JSON is kept as such, bytes as a JSON text of
// base64 with a flag. Every write is one statement.

#include <chrono>
#include <optional>
#include <unordered_set>

#include "components/catalog.hpp"
#include "components/mysql/pool.hpp"
#include "components/state/mysql_schema.hpp"
#include "components/state/state_store.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"

namespace mecha::state {
namespace {

using namespace std::chrono_literals;
using mysql::Connection;
using mysql::Params;
using mysql::Row;

constexpr std::size_t kKeysMax = 10'000;  // of one statement
constexpr int kTimeoutS = 20;
constexpr int kAttempts = 10;             // of what the server undid because of a deadlock
constexpr std::int64_t kNoLimit = std::int64_t{1} << 62;

struct MysqlSettings {
  Secret connection;
  std::string schema = "dapr_state_store";
  std::string table = "state";
  std::string metadata_table = "dapr_metadata";
  int timeout_s = kTimeoutS;
  std::string pem_path;
  std::string cleanup_interval = "1h";

  static constexpr auto fields() {
    using S = MysqlSettings;
    return std::tuple{
        field("connectionString", &S::connection, "user:password@tcp(host:port)/?param=value, without a database.")
            .required("missing connection string"),
        field("schemaName", &S::schema, "Database of the tables; made if absent."),
        field("tableName", &S::table, "Table of the records."),
        field("metadataTableName", &S::metadata_table, "Table of the last clean-up."),
        field("timeoutInSeconds", &S::timeout_s, "Limit on connecting and on each answer of the server; 20 unless more than 0."),
        field("pemPath", &S::pem_path, "File of authorities, for tls=custom."),
        field("cleanupInterval", &S::cleanup_interval, "How often expired rows are deleted; 0 or less is never, empty is 1h."),
    };
  }
};

// A write that only needs the database: one statement, and whether it must change a row.
struct Write {
  std::string sql;
  Params params;
  bool must_change = false;
  std::string_view unchanged;  // what is wrong when it does not
};

Result<void> apply(Connection& connection, const Write& write) {
  MECHA_TRY(const auto changed, connection.execute(write.sql, write.params));
  if (write.must_change && changed == 0) return etag_mismatch(write.unchanged);
  return {};
}

// Again where the server undid it because of a deadlock.
template <class F>
Result<void> with_attempts(Connection& connection, F work) {
  for (int attempt = 1;; ++attempt) {
    auto done = work();
    if (done || connection.last_error() != mysql::kDeadlock || attempt == kAttempts) return done;
  }
}

Result<void> apply_all(Connection& connection, const std::vector<Write>& writes) {
  MECHA_TRY_VOID(connection.execute("START TRANSACTION"));
  for (const auto& write : writes) {
    auto done = apply(connection, write);
    if (done) continue;
    if (connection.last_error() != mysql::kDeadlock && !connection.lost()) (void)connection.execute("ROLLBACK");
    return done;
  }
  MECHA_TRY_VOID(connection.execute("COMMIT"));
  return {};
}

BulkItem to_item(Row& row) {
  BulkItem item{.key = row[0].value_or("")};
  auto data = row[1].value_or("");
  if (row[2] != "0") {
    const bool quoted = data.size() >= 2 && data.starts_with('"') && data.ends_with('"');
    const auto inner = quoted ? std::string_view(data).substr(1, data.size() - 2) : std::string_view(data);
    auto bytes = quoted ? text::from_base64(inner) : std::nullopt;
    if (!bytes) {
      item.error = Error{.code = Code::internal, .message = "failed to decode binary data: " + text::base64_fault(inner)};
      return item;
    }
    data = *std::move(bytes);
  }
  item.item = Item{.data = std::move(data), .etag = row[3].value_or("")};
  if (row[4]) {
    auto time = row[4]->substr(0, 19);
    if (time.size() > 10) time[10] = 'T';
    item.item->metadata["ttlExpireTime"] = time + "Z";
  }
  return item;
}

Result<mysql::Options> options_of(const MysqlSettings& settings) {
  MECHA_TRY_VOID(mysql::check_identifier("schema name", settings.schema));
  MECHA_TRY_VOID(mysql::check_identifier("table name", settings.table));
  MECHA_TRY_VOID(mysql::check_identifier("metadata table name", settings.metadata_table));
  mysql::Options options{.dsn = {}, .ca_file = settings.pem_path, .timeout = std::chrono::seconds(settings.timeout_s > 0 ? settings.timeout_s : kTimeoutS)};
  MECHA_TRY(options.dsn, mysql::parse_dsn(settings.connection.reveal()));
  if (!options.dsn.database.empty()) return fail(Code::invalid_argument, "invalid connectionString: schemaName names the database");
  const bool custom = options.dsn.tls == mysql::Tls::custom;
  if (custom == settings.pem_path.empty()) return fail(Code::invalid_argument, "tls=custom and pemPath need each other");
  return options;
}

class MysqlStore final : public StateStore {
 public:
  using Settings = MysqlSettings;
  static constexpr ComponentInfo info{"state.mysql", "v1", "MySQL 8 or MariaDB 10.5 or later."};

  static Result<mysql::Options> check(const Settings& settings) {
    MECHA_TRY_VOID(cleanup_interval(settings.cleanup_interval));
    return options_of(settings);
  }

  MysqlStore(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), executor_(context.shards.executor(0)), log_(context.log), gate_(executor_) {}

  Async<void> start() override;
  Async<void> stop() override {
    co_await gate_.close(0s);
    if (pool_ != nullptr) MECHA_CO_TRY_VOID(co_await run_aside("mysql-close", [this] { pool_->close(); }));
    pool_.reset();
    co_return Result<void>{};
  }
  bool forsaken() const override { return pool_ != nullptr && pool_->forsaken(); }

  std::vector<std::string> features() const override {
    return {std::string(kEtag), std::string(kTransactional), std::string(kTtl), std::string(kKeysLike)};
  }

  Async<std::optional<Item>> get(GetRequest request) override;
  Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int parallelism) override;
  Async<void> set(SetRequest request) override { return write_one(prepare(std::move(request))); }
  Async<void> remove(DeleteRequest request) override { return write_one(prepare(std::move(request))); }
  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override { return write_each(std::move(requests)); }
  Async<std::vector<KeyError>> bulk_delete(std::vector<DeleteRequest> requests) override { return write_each(std::move(requests)); }
  bool transactional() const override { return true; }
  Async<void> transact(TransactRequest request) override;
  Async<KeyPage> keys_like(std::string pattern, std::size_t page_size, std::string token) override;

 private:
  Result<Write> prepare(SetRequest request) const;
  Result<Write> prepare(DeleteRequest request) const;
  Async<void> write_one(Result<Write> write);
  template <class R>
  Async<std::vector<KeyError>> write_each(std::vector<R> requests);
  asio::awaitable<void> clean_up(std::chrono::seconds interval);

  MysqlSettings settings_;
  Executor executor_;
  Log log_;
  MysqlStatements sql_;
  std::unique_ptr<mysql::Pool> pool_;
  Gate gate_;
};

Async<void> MysqlStore::start() {
  MECHA_CO_TRY(const auto interval, cleanup_interval(settings_.cleanup_interval));
  MECHA_CO_TRY(auto with_schema, options_of(settings_));
  sql_ = mysql_statements({settings_.schema, settings_.table, settings_.metadata_table});
  const MysqlNames names{settings_.schema, settings_.table, settings_.metadata_table};
  pool_ = std::make_unique<mysql::Pool>(with_schema);
  MECHA_CO_TRY_VOID(co_await pool_->run<void>([names](Connection& connection) { return create_mysql_schema(connection, names); }));
  with_schema.dsn.database = settings_.schema;
  pool_ = std::make_unique<mysql::Pool>(std::move(with_schema));
  MECHA_CO_TRY_VOID(co_await pool_->run<void>([names](Connection& connection) { return create_mysql_tables(connection, names); }));
  if (interval > 0ns) spawn(gate_, executor_, clean_up(std::chrono::ceil<std::chrono::seconds>(interval)));
  co_return Result<void>{};
}

Result<Write> MysqlStore::prepare(SetRequest request) const {
  if (request.key.empty()) return fail(Code::invalid_argument, "missing key in set operation");
  MECHA_TRY_VOID(check_options(request.options));
  auto ttl = ttl_seconds(request.metadata);
  if (!ttl) return fail(std::move(ttl).error().context("error parsing TTL"));
  mysql::Value expiry;
  if (*ttl && **ttl > 0) expiry = **ttl;
  const bool binary = std::holds_alternative<std::string>(request.value);
  auto text = to_bytes(std::move(request.value));
  if (binary) text = '"' + text::base64(text) + '"';
  Write write{.unchanged = "rows affected error: no rows match given key and eTag"};
  if (!request.etag.empty()) {
    write.sql = sql_.update;
    write.params = {std::move(text), std::int64_t{binary}, text::uuid(), std::move(expiry), std::move(request.key), std::move(request.etag)};
    write.must_change = true;
    return write;
  }
  write.must_change = first_write(request.options);
  write.sql = write.must_change ? sql_.put_first : sql_.put;
  write.params = {std::move(request.key), std::move(text), std::int64_t{binary}, text::uuid(), std::move(expiry)};
  return write;
}

Result<Write> MysqlStore::prepare(DeleteRequest request) const {
  if (request.key.empty()) return fail(Code::invalid_argument, "missing key in delete operation");
  MECHA_TRY_VOID(check_options(request.options));
  if (request.etag.empty()) return Write{.sql = sql_.remove, .params = {std::move(request.key)}};
  return Write{.sql = sql_.remove_etag, .params = {std::move(request.key), std::move(request.etag)}, .must_change = true};
}

Async<void> MysqlStore::write_one(Result<Write> write) {
  if (!write) co_return fail(std::move(write).error());
  co_return co_await pool_->run<void>([w = *std::move(write)](Connection& connection) {
    return with_attempts(connection, [&] { return apply(connection, w); });
  });
}

// In order, each by itself.
template <class R>
Async<std::vector<KeyError>> MysqlStore::write_each(std::vector<R> requests) {
  std::vector<Result<Write>> writes;
  writes.reserve(requests.size());
  for (auto& request : requests) writes.push_back(prepare(std::move(request)));
  co_return co_await pool_->run<std::vector<KeyError>>([writes = std::move(writes)](Connection& connection) -> Result<std::vector<KeyError>> {
    std::vector<KeyError> failed;
    for (std::size_t i = 0; i < writes.size(); ++i) {
      auto done = writes[i] ? with_attempts(connection, [&] { return apply(connection, *writes[i]); }) : fail(writes[i].error());
      if (!done) failed.push_back({i, std::move(done).error()});
    }
    return failed;
  });
}

Async<void> MysqlStore::transact(TransactRequest request) {
  std::vector<Write> writes;
  for (auto& operation : request.operations) {
    auto write = std::visit([this](auto& r) { return prepare(std::move(r)); }, operation);
    if (!write) co_return fail(std::move(write).error());
    writes.push_back(*std::move(write));
  }
  co_return co_await pool_->run<void>([writes = std::move(writes)](Connection& connection) {
    return with_attempts(connection, [&] { return apply_all(connection, writes); });
  });
}

Async<std::optional<Item>> MysqlStore::get(GetRequest request) {
  if (request.key.empty()) co_return fail(Code::invalid_argument, "missing key in get operation");
  MECHA_CO_TRY(auto rows, co_await pool_->run<std::vector<Row>>([sql = sql_.get, key = std::move(request.key)](Connection& connection) {
    return connection.query(sql, {key});
  }));
  if (rows.empty()) co_return std::nullopt;
  auto item = to_item(rows.front());
  if (item.error) co_return fail(*std::move(item.error));
  co_return std::move(item.item);
}

// Found rows by key, then the missing keys in the order of the request.
Async<std::vector<BulkItem>> MysqlStore::bulk_get(std::vector<GetRequest> requests, int) {
  if (requests.size() > kKeysMax) co_return fail(Code::invalid_argument, "too many keys in one request");
  if (requests.empty()) co_return std::vector<BulkItem>();
  std::string list;
  Params params;
  for (const auto& request : requests) {
    list += list.empty() ? "(?" : ",?";
    params.emplace_back(request.key);
  }
  MECHA_CO_TRY(
      auto rows,
      co_await pool_->run<std::vector<Row>>([sql = sql_.bulk_get + list + ") ORDER BY id", params = std::move(params)](Connection& connection) {
        return connection.query(sql, params);
      })
  );
  std::vector<BulkItem> items;
  items.reserve(requests.size());
  std::unordered_set<std::string> found;
  for (auto& row : rows) {
    items.push_back(to_item(row));
    found.insert(items.back().key);
  }
  for (auto& request : requests) {
    if (!found.contains(request.key)) items.push_back({.key = std::move(request.key)});
  }
  co_return items;
}

// In the order in which the rows were written; the token is the number of the last one.
Async<KeyPage> MysqlStore::keys_like(std::string pattern, std::size_t page_size, std::string token) {
  if (pattern.empty()) co_return fail(Code::invalid_argument, "keys like pattern cannot be empty");
  const auto after = token.empty() ? std::optional<std::int64_t>(0) : text::to_int(token);
  if (!after) co_return fail(Code::invalid_argument, "invalid continuation token");
  const auto limit = page_size == 0 ? kNoLimit : static_cast<std::int64_t>(page_size) + 1;
  MECHA_CO_TRY(
      auto rows,
      co_await pool_->run<std::vector<Row>>([sql = sql_.keys, params = Params{std::move(pattern), *after, limit}](Connection& connection) {
        return connection.query(sql, params);
      })
  );
  KeyPage page;
  const bool more = page_size > 0 && rows.size() > page_size;
  if (more) {
    rows.resize(page_size);
    page.token = rows.back()[1].value_or("");
  }
  for (auto& row : rows) page.keys.push_back(row[0].value_or(""));
  co_return page;
}

// Several processes may share the tables: the first one of each interval does it.
asio::awaitable<void> MysqlStore::clean_up(std::chrono::seconds interval) {
  while (co_await sleep_for(interval)) {
    const auto done = co_await pool_->run<void>([sql = sql_, interval](Connection& connection) -> Result<void> {
      MECHA_TRY(const auto mine, connection.execute(sql.note_cleanup, {std::int64_t{interval.count()}}));
      if (mine == 0) return {};
      MECHA_TRY_VOID(connection.execute(sql.expire));
      return {};
    });
    if (!done) log_.warn("Expired records could not be deleted", {{"error", done.error().message}});
  }
}

}  // namespace

void register_mysql(Catalog& catalog) { catalog.add<MysqlStore>(); }

}  // namespace mecha::state
