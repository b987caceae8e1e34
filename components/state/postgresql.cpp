// State in PostgreSQL (contract 02, sections 2.4 and 2.5). Version 1 keeps documents, which can be queried; version 2 keeps
// bytes. One row per key; every write is one statement.

#include <cctype>
#include <chrono>
#include <optional>
#include <unordered_set>

#include "components/catalog.hpp"
#include "components/postgresql/pool.hpp"
#include "components/state/postgresql_query.hpp"
#include "components/state/postgresql_schema.hpp"
#include "components/state/state_store.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"

namespace mecha::state {
namespace {

using namespace std::chrono_literals;
using postgresql::Answer;
using postgresql::Bytes;
using postgresql::Connection;
using postgresql::Params;
using postgresql::Row;
using postgresql::Statement;

constexpr int kAttempts = 10;  // of what the server undid because others came between
constexpr std::int64_t kNoLimit = std::int64_t{1} << 62;

struct StoreSettings : postgresql::ConnectionSettings {
  std::string cleanup_interval = "1h";
  std::string metadata_table = "dapr_metadata";

  static constexpr auto fields() {
    using S = StoreSettings;
    return std::tuple_cat(
        postgresql::ConnectionSettings::fields(),
        std::tuple{
            field("cleanupInterval", &S::cleanup_interval, "How often expired rows are deleted; 0 or less is never, empty is 1h.")
                .aliases("cleanupIntervalInSeconds"),
            field("metadataTableName", &S::metadata_table, "Table of the migrations and the last clean-up; schema.table is allowed."),
        }
    );
  }
};

struct FirstSettings : StoreSettings {
  std::string table = "state";

  static constexpr auto fields() {
    return std::tuple_cat(
        StoreSettings::fields(), std::tuple{field("tableName", &FirstSettings::table, "Table of the records; schema.table is allowed.")}
    );
  }
};

struct SecondSettings : StoreSettings {
  std::string prefix;

  static constexpr auto fields() {
    return std::tuple_cat(
        StoreSettings::fields(), std::tuple{field("tablePrefix", &SecondSettings::prefix, "Stands before `state`, the table of the records; may be `schema.`.")}
    );
  }
};

// A write that only needs a connection: one statement, and what it means when that changes no row.
struct Write {
  Statement statement;
  enum class Must : std::uint8_t { nothing, match, update } must = Must::nothing;
};

// Writes a UUID as the store does. What is none matches no record.
Result<void> to_uuid(std::string& etag) {
  std::string_view rest = etag;
  constexpr std::string_view kUrn = "urn:uuid:";
  if (rest.size() == 36 + kUrn.size()) {
    if (text::lower(rest.substr(0, kUrn.size())) != kUrn) return etag_mismatch("invalid urn prefix: " + text::quote(rest.substr(0, kUrn.size())));
    rest.remove_prefix(kUrn.size());
  } else if (rest.size() == 36 + 2) {
    rest = rest.substr(1, 36);  // whatever stands around it
  } else if (rest.size() != 36 && rest.size() != 32) {
    return etag_mismatch("invalid UUID length: " + std::to_string(rest.size()));
  }
  std::string digits;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool dash = rest.size() == 36 && (i == 8 || i == 13 || i == 18 || i == 23);
    if (dash ? rest[i] != '-' : std::isxdigit(static_cast<unsigned char>(rest[i])) == 0) return etag_mismatch("invalid UUID format");
    if (!dash) digits += rest[i];
  }
  etag = text::lower(digits);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) etag.insert(at, 1, '-');
  return {};
}

Async<void> apply(Connection* connection, Write write) {
  MECHA_CO_TRY(const auto answer, co_await connection->run(std::move(write.statement)));
  if (answer.changed != 0 || write.must == Write::Must::nothing) co_return Result<void>{};
  if (write.must == Write::Must::match) co_return etag_mismatch();
  co_return fail(Code::internal, "no item was updated");
}

Async<void> apply_all(Connection* connection, std::vector<Write> writes) {
  MECHA_CO_TRY_VOID(co_await connection->run({.sql = "BEGIN", .params = {}}));
  for (auto& write : writes) {
    MECHA_CO_TRY_VOID(co_await apply(connection, std::move(write)));
  }
  MECHA_CO_TRY_VOID(co_await connection->run({.sql = "COMMIT", .params = {}}));
  co_return Result<void>{};
}

// One write alone without the words around it. Again where the server undid it because of a deadlock or of what others wrote.
Async<void> write_all(Connection* connection, std::vector<Write> writes) {
  for (int attempt = 1;; ++attempt) {
    const auto done = co_await (writes.size() == 1 ? apply(connection, writes.front()) : apply_all(connection, writes));
    const auto state = connection->last_state();
    if (!done && !connection->unfit() && !connection->settled()) (void)co_await connection->run({.sql = "ROLLBACK", .params = {}});
    const bool undone = state == "40P01" || state == "40001";
    if (done || !undone || connection->unfit() || attempt == kAttempts) co_return done;
  }
}

// Each by itself, in order; what was not well formed has failed before.
Async<std::vector<KeyError>> write_each(Connection* connection, std::vector<Result<Write>> writes) {
  std::vector<KeyError> failed;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    Result<void> done;
    if (!writes[i]) {
      done = fail(std::move(writes[i]).error());
    } else {
      std::vector<Write> one;
      one.push_back(*std::move(writes[i]));
      done = co_await write_all(connection, std::move(one));
    }
    if (!done) failed.push_back({i, std::move(done).error()});
  }
  co_return failed;
}

Async<void> clean_once(Connection* connection, Statement note, Statement expire) {
  MECHA_CO_TRY(const auto mine, co_await connection->run(std::move(note)));
  if (mine.changed == 0) co_return Result<void>{};
  MECHA_CO_TRY_VOID(co_await connection->run(std::move(expire)));
  co_return Result<void>{};
}

BulkItem to_item(Row& row) {
  BulkItem item{.key = row[0].value_or("")};
  auto data = std::move(row[1]).value_or("");
  if (row[2] == "true") {
    const bool quoted = data.size() >= 2 && data.starts_with('"') && data.ends_with('"');
    const auto inner = quoted ? std::string_view(data).substr(1, data.size() - 2) : std::string_view(data);
    auto bytes = quoted ? text::from_base64(inner) : std::nullopt;
    if (!bytes) {
      item.error = Error{.code = Code::internal, .message = "failed to decode base64 data: " + text::base64_fault(inner)};
      return item;
    }
    data = *std::move(bytes);
  }
  item.item = Item{.data = std::move(data), .etag = row[3].value_or("")};
  if (row[4]) item.item->metadata["ttlExpireTime"] = *row[4];
  return item;
}

std::string array_literal(const std::vector<GetRequest>& requests) {
  std::string out = "{";
  for (const auto& request : requests) {
    if (out.size() > 1) out += ',';
    out += '"' + text::replace_all(text::replace_all(request.key, "\\", "\\\\"), "\"", "\\\"") + '"';
  }
  return out + "}";
}

// What both versions do; they differ in the layout of a row and in what an etag is.
class PostgresStore : public StateStore {
 public:
  static Result<postgresql::Options> check(const StoreSettings& settings) {
    MECHA_TRY_VOID(cleanup_interval(settings.cleanup_interval));
    return postgresql::resolve(settings);
  }

  PostgresStore(StoreSettings settings, PostgresNames names, bool second_layout, const ComponentContext& context)
      : settings_(std::move(settings)),
        names_(std::move(names)),
        second_(second_layout),
        sql_(postgres_statements(names_, second_layout)),
        shards_(context.shards),
        executor_(context.shards.executor(0)),
        log_(context.log),
        gate_(executor_) {}

  Async<void> start() override;
  Async<void> stop() override {
    co_await gate_.close(0s);
    if (pool_) co_await pool_->close();
    co_return Result<void>{};
  }

  std::vector<std::string> features() const override {
    return {std::string(kEtag), std::string(kTransactional), std::string(kTtl), std::string(kKeysLike)};
  }

  Async<std::optional<Item>> get(GetRequest request) override;
  Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int parallelism) override;
  Async<void> set(SetRequest request) override { return write_one(prepare(std::move(request))); }
  Async<void> remove(DeleteRequest request) override { return write_one(prepare(std::move(request))); }
  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override { return write_list(std::move(requests)); }
  Async<std::vector<KeyError>> bulk_delete(std::vector<DeleteRequest> requests) override { return write_list(std::move(requests)); }
  bool transactional() const override { return true; }
  Async<void> transact(TransactRequest request) override;
  Async<KeyPage> keys_like(std::string pattern, std::size_t page_size, std::string token) override;

 protected:
  Async<Answer> read(std::string sql, Params params) { return pool_->run({.sql = std::move(sql), .params = std::move(params), .binary = true}); }

  const PostgresNames& names() const { return names_; }
  const PostgresStatements& sql() const { return sql_; }

 private:
  Result<Write> prepare(SetRequest request) const;
  Result<Write> prepare(DeleteRequest request) const;
  Result<void> check_etag(std::string& etag) const;
  Async<void> write_one(Result<Write> write);
  template <class R>
  Async<std::vector<KeyError>> write_list(std::vector<R> requests);
  asio::awaitable<void> clean_up(std::chrono::milliseconds interval);

  const StoreSettings settings_;
  const PostgresNames names_;
  const bool second_;
  const PostgresStatements sql_;
  Shards& shards_;
  Executor executor_;
  Log log_;
  std::unique_ptr<postgresql::Pool> pool_;
  Gate gate_;
};

Async<void> PostgresStore::start() {
  MECHA_CO_TRY(const auto interval, cleanup_interval(settings_.cleanup_interval));
  MECHA_CO_TRY(auto options, postgresql::resolve(settings_));
  pool_ = std::make_unique<postgresql::Pool>(shards_, std::move(options));
  auto migrated = co_await pool_->with<void>([names = names_, second = second_](Connection& connection) {
    return migrate_postgres(connection, names, second);
  });
  if (!migrated) {
    auto error = std::move(migrated).error();
    const bool connected = error.failure != Failure::never_sent;
    co_return fail(connected ? std::move(error) : std::move(error).context("failed to ping the database"));
  }
  if (interval > 0ns) spawn(gate_, executor_, clean_up(std::chrono::ceil<std::chrono::milliseconds>(interval)));
  co_return Result<void>{};
}

// The etag of the first layout is a number of a transaction, that of the second a UUID, in one of the forms that the reference takes.
Result<void> PostgresStore::check_etag(std::string& etag) const {
  if (etag.empty()) return {};
  if (second_) return to_uuid(etag);
  constexpr std::uint64_t kMost = 0xffff'ffff;
  const bool digits = etag.find_first_not_of("0123456789") == std::string::npos;
  const auto number = digits ? text::to_uint(etag) : std::nullopt;
  if (number && *number <= kMost) return {};
  return etag_invalid("strconv.ParseUint: parsing " + text::quote(etag) + (digits ? ": value out of range" : ": invalid syntax"));
}

Result<Write> PostgresStore::prepare(SetRequest request) const {
  if (request.key.empty()) return fail(Code::invalid_argument, "missing key in set operation");
  MECHA_TRY_VOID(check_options(request.options));
  auto ttl = ttl_seconds(request.metadata);
  if (!ttl) return fail(std::move(ttl).error().context("error parsing TTL"));
  MECHA_TRY_VOID(check_etag(request.etag));
  const bool first = request.etag.empty() && first_write(request.options);
  Write write;
  write.statement.sql = !request.etag.empty() ? sql_.update : first ? sql_.put_first : sql_.put;
  write.must = !request.etag.empty() ? Write::Must::match : Write::Must::update;
  auto& params = write.statement.params;
  params.emplace_back(std::move(request.key));
  const bool binary = std::holds_alternative<std::string>(request.value);
  auto bytes = to_bytes(std::move(request.value));
  if (second_) {
    params.emplace_back(Bytes{std::move(bytes)});
  } else {
    params.emplace_back(binary ? '"' + text::base64(bytes) + '"' : std::move(bytes));
    params.emplace_back(binary ? "t" : "f");
  }
  if (*ttl && **ttl > 0) params.emplace_back(**ttl);
  else params.emplace_back(std::monostate());
  if (!request.etag.empty()) params.emplace_back(std::move(request.etag));
  return write;
}

Result<Write> PostgresStore::prepare(DeleteRequest request) const {
  if (request.key.empty()) return fail(Code::invalid_argument, "missing key in delete operation");
  MECHA_TRY_VOID(check_options(request.options));
  MECHA_TRY_VOID(check_etag(request.etag));
  Write write{.statement = {.sql = sql_.remove, .params = {std::move(request.key)}}};
  if (request.etag.empty()) return write;
  write.statement.sql = sql_.remove_etag;
  write.statement.params.emplace_back(std::move(request.etag));
  write.must = Write::Must::match;
  return write;
}

Async<void> PostgresStore::write_one(Result<Write> write) {
  if (!write) co_return fail(std::move(write).error());
  std::vector<Write> one;
  one.push_back(*std::move(write));
  co_return co_await pool_->with<void>([one = std::move(one)](Connection& connection) { return write_all(&connection, one); });
}

template <class R>
Async<std::vector<KeyError>> PostgresStore::write_list(std::vector<R> requests) {
  std::vector<Result<Write>> writes;
  writes.reserve(requests.size());
  for (auto& request : requests) writes.push_back(prepare(std::move(request)));
  co_return co_await pool_->with<std::vector<KeyError>>([writes = std::move(writes)](Connection& connection) {
    return write_each(&connection, writes);
  });
}

Async<void> PostgresStore::transact(TransactRequest request) {
  std::vector<Write> writes;
  for (auto& operation : request.operations) {
    auto write = std::visit([this](auto& r) { return prepare(std::move(r)); }, operation);
    if (!write) co_return fail(std::move(write).error());
    writes.push_back(*std::move(write));
  }
  if (writes.empty()) co_return Result<void>{};
  co_return co_await pool_->with<void>([writes = std::move(writes)](Connection& connection) { return write_all(&connection, writes); });
}

Async<std::optional<Item>> PostgresStore::get(GetRequest request) {
  if (request.key.empty()) co_return fail(Code::invalid_argument, "missing key in get operation");
  MECHA_CO_TRY(auto answer, co_await read(sql_.get, {std::move(request.key)}));
  if (answer.rows.empty()) co_return std::nullopt;
  auto item = to_item(answer.rows.front());
  if (item.error) co_return fail(*std::move(item.error));
  co_return std::move(item.item);
}

// Found rows by key, then the missing keys in the order of the request.
Async<std::vector<BulkItem>> PostgresStore::bulk_get(std::vector<GetRequest> requests, int) {
  if (requests.empty()) co_return std::vector<BulkItem>();
  MECHA_CO_TRY(auto answer, co_await read(sql_.bulk_get, {array_literal(requests)}));
  std::vector<BulkItem> items;
  items.reserve(requests.size());
  std::unordered_set<std::string> found;
  for (auto& row : answer.rows) {
    items.push_back(to_item(row));
    found.insert(items.back().key);
  }
  for (auto& request : requests) {
    if (!found.contains(request.key)) items.push_back({.key = std::move(request.key)});
  }
  co_return items;
}

// In the order in which the rows were written; the token is the number of the last one.
Async<KeyPage> PostgresStore::keys_like(std::string pattern, std::size_t page_size, std::string token) {
  if (pattern.empty()) co_return fail(Code::invalid_argument, "keys like pattern cannot be empty");
  const auto after = token.empty() ? std::optional<std::int64_t>(0) : text::to_int(token);
  if (!after) co_return fail(Code::invalid_argument, "invalid continuation token");
  const auto limit = page_size == 0 ? kNoLimit : static_cast<std::int64_t>(page_size) + 1;
  MECHA_CO_TRY(auto answer, co_await read(sql_.keys, {std::move(pattern), *after, limit}));
  KeyPage page;
  const bool more = page_size > 0 && answer.rows.size() > page_size;
  if (more) {
    answer.rows.resize(page_size);
    page.token = answer.rows.back()[1].value_or("");
  }
  for (auto& row : answer.rows) page.keys.push_back(row[0].value_or(""));
  co_return page;
}

// Several processes may share the tables: the first one of each interval does it.
asio::awaitable<void> PostgresStore::clean_up(std::chrono::milliseconds interval) {
  while (co_await sleep_for(interval)) {
    const Statement note{.sql = sql_.note_cleanup, .params = {std::int64_t{(interval - 100ms).count()}}};
    const auto done = co_await pool_->with<void>([note, expire = Statement{.sql = sql_.expire, .params = {}}](Connection& connection) {
      return clean_once(&connection, note, expire);
    });
    if (!done) log_.warn("Expired records could not be deleted", {{"error", done.error().message}});
  }
}

class PostgresStore1 final : public PostgresStore {
 public:
  using Settings = FirstSettings;
  static constexpr ComponentInfo info{
      "state.postgresql", "v1", "PostgreSQL; documents, which can be queried.", {"state.postgres"}, Versioning::preferred};

  PostgresStore1(Settings settings, const ComponentContext& context)
      : PostgresStore(settings, {.table = settings.table, .metadata_table = settings.metadata_table}, false, context) {}

  std::vector<std::string> features() const override {
    auto list = PostgresStore::features();
    list.emplace_back(kQueryApi);
    return list;
  }
  bool queries() const override { return true; }

  Async<QueryResult> query(QueryRequest request) override {
    const auto select = sql().get.substr(0, sql().get.find(" WHERE "));
    MECHA_CO_TRY(auto made, make_postgres_query(select, request.query));
    MECHA_CO_TRY(auto answer, co_await read(std::move(made.statement.sql), std::move(made.statement.params)));
    QueryResult result;
    for (auto& row : answer.rows) {
      auto item = to_item(row);
      if (item.error) result.results.push_back({.key = std::move(item.key), .data = {}, .etag = {}, .error = item.error->message});
      else result.results.push_back({.key = std::move(item.key), .data = std::move(item.item->data), .etag = std::move(item.item->etag), .error = {}});
    }
    if (made.limited) result.token = std::to_string(made.offset + static_cast<std::int64_t>(answer.rows.size()));
    co_return result;
  }
};

class PostgresStore2 : public PostgresStore {
 public:
  using Settings = SecondSettings;
  static constexpr ComponentInfo info{
      "state.postgresql", "v2", "PostgreSQL 13 or later; values as they are.", {"state.postgres"}, Versioning::named};

  PostgresStore2(Settings settings, const ComponentContext& context)
      : PostgresStore(
            settings,
            {.table = settings.prefix + "state", .metadata_table = settings.metadata_table, .suffix = "-state-v2-" + settings.prefix}, true, context
        ) {}
};

// Databases of the protocol of PostgreSQL, under names of their own.
class YugabyteStore final : public PostgresStore2 {
 public:
  static constexpr ComponentInfo info{"state.yugabytedb", "v1", "YugabyteDB; the same as version 2 of state.postgresql.", {"state.yugabyte"}};
  using PostgresStore2::PostgresStore2;
};

class CockroachStore final : public PostgresStore2 {
 public:
  static constexpr ComponentInfo info{"state.cockroachdb", "v2", "CockroachDB; the same as version 2 of state.postgresql.", {}, Versioning::named};
  using PostgresStore2::PostgresStore2;
};

}  // namespace

void register_postgresql(Catalog& catalog) {
  catalog.add<PostgresStore1>();
  catalog.add<PostgresStore2>();
  catalog.add<YugabyteStore>();
  catalog.add<CockroachStore>();
}

}  // namespace mecha::state
