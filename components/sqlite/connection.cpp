#include "components/sqlite/connection.hpp"

#include <algorithm>
#include <list>
#include <thread>
#include <unordered_map>
#include <utility>

#include <sqlite3.h>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::sqlite {
namespace {

constexpr std::size_t kStatementsMax = 64;
constexpr int kStepsBetweenQuestions = 1000;  // of the virtual machine: some microseconds
constexpr std::chrono::milliseconds kBusyPause{2};

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

// A statement in use; made ready for the next user when it ends.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  sqlite3_stmt* statement_;
};

// The parameters outlive the use, so SQLite need not copy them.
void bind(sqlite3_stmt* statement, const Params& params) {
  int at = 0;
  for (const auto& value : params) {
    ++at;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      sqlite3_bind_int64(statement, at, *number);
    } else if (const auto* real = std::get_if<double>(&value)) {
      sqlite3_bind_double(statement, at, *real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      sqlite3_bind_text64(statement, at, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    } else {
      sqlite3_bind_null(statement, at);
    }
  }
}

Value column(sqlite3_stmt* statement, int i) {
  switch (sqlite3_column_type(statement, i)) {
    case SQLITE_NULL: return {};
    case SQLITE_INTEGER: return static_cast<std::int64_t>(sqlite3_column_int64(statement, i));
    case SQLITE_FLOAT: return sqlite3_column_double(statement, i);
    default: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
      return bytes ? std::string(bytes, size) : std::string();
    }
  }
}

Error error_of(sqlite3* handle) {
  const int code = sqlite3_extended_errcode(handle);
  std::string message = sqlite3_errmsg(handle);
  message.append(" (").append(std::to_string(code)).append(")");
  const bool busy = (code & 0xFF) == SQLITE_BUSY || (code & 0xFF) == SQLITE_LOCKED;
  return {.code = busy ? Code::unavailable : Code::internal, .message = std::move(message)};
}

}  // namespace

std::string Row::text(std::size_t i) const {
  if (const auto* text = std::get_if<std::string>(&columns[i])) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&columns[i])) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&columns[i])) return json::format_double(*real);
  return {};
}

std::int64_t Row::integer(std::size_t i) const {
  if (const auto* number = std::get_if<std::int64_t>(&columns[i])) return *number;
  if (const auto* real = std::get_if<double>(&columns[i])) return static_cast<std::int64_t>(*real);
  if (const auto* text = std::get_if<std::string>(&columns[i])) return text::to_int(*text).value_or(0);
  return 0;
}

// The least recently used statement goes when there are too many.
struct Connection::Cache {
  using Order = std::list<std::pair<std::string, Statement>>;
  Order order;
  std::unordered_map<std::string_view, Order::iterator> by_text;

  Result<sqlite3_stmt*> get(sqlite3* handle, std::string_view sql) {
    if (const auto it = by_text.find(sql); it != by_text.end()) {
      order.splice(order.begin(), order, it->second);
      return it->second->second.get();
    }
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(
        handle, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr
    );
    if (code != SQLITE_OK) return fail(error_of(handle));
    if (order.size() >= kStatementsMax) {
      by_text.erase(order.back().first);
      order.pop_back();
    }
    order.emplace_front(std::string(sql), Statement(statement));
    by_text.emplace(order.front().first, order.begin());
    return statement;
  }
};

Connection::Connection(sqlite3* handle) : handle_(handle), cache_(std::make_unique<Cache>()) {}

Connection::~Connection() {
  cache_.reset();
  sqlite3_close_v2(handle_);
}

Error Connection::failure() const { return error_of(handle_); }

Result<std::unique_ptr<Connection>> Connection::open(const OpenOptions& options) {
  sqlite3* handle = nullptr;
  constexpr int flags =
      SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(options.uri.c_str(), &handle, flags, nullptr);
  if (handle == nullptr) return fail(Code::resource_exhausted, "out of memory");
  std::unique_ptr<Connection> connection(new Connection(handle));
  if (code != SQLITE_OK) return fail(connection->failure());
  connection->immediate_ = options.immediate;
  connection->busy_timeout_ = options.busy_timeout;
  sqlite3_busy_handler(
      handle, [](void* self, int times) { return static_cast<Connection*>(self)->wait_for_lock(times) ? 1 : 0; }, connection.get()
  );
  MECHA_TRY_VOID(connection->script("PRAGMA foreign_keys = 1"));
  if (!options.journal_mode.empty()) {
    MECHA_TRY_VOID(connection->set_journal_mode(options.journal_mode));
  }
  for (const auto& pragma : options.pragmas) {
    MECHA_TRY_VOID(connection->script("PRAGMA " + pragma));
  }
  return connection;
}

Result<std::int64_t> Connection::execute(std::string_view sql, const Params& params) {
  MECHA_TRY(auto* statement, cache_->get(handle_, sql));
  const Use use(statement);
  bind(statement, params);
  int code;
  do code = sqlite3_step(statement);
  while (code == SQLITE_ROW);
  if (code != SQLITE_DONE) return fail(failure());
  return sqlite3_changes64(handle_);
}

Result<std::vector<Row>> Connection::query(std::string_view sql, const Params& params) {
  MECHA_TRY(auto* statement, cache_->get(handle_, sql));
  const Use use(statement);
  bind(statement, params);
  std::vector<Row> rows;
  const int count = sqlite3_column_count(statement);
  for (;;) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return rows;
    if (code != SQLITE_ROW) return fail(failure());
    auto& columns = rows.emplace_back().columns;
    columns.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) columns.push_back(column(statement, i));
  }
}

Result<void> Connection::script(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return fail(failure());
  return {};
}

// In a new file the mode is written, by a reader that becomes a writer: where another process is about to write, SQLite does not let it
// wait, as both might wait for each other. It has let go of the file when it comes back, and may try again.
Result<void> Connection::set_journal_mode(const std::string& mode) {
  const auto end = std::chrono::steady_clock::now() + busy_timeout_;
  for (;;) {
    auto done = script("PRAGMA journal_mode = " + mode);
    if (done || done.error().code != Code::unavailable || std::chrono::steady_clock::now() >= end) return done;
    std::this_thread::sleep_for(kBusyPause);
  }
}

Result<void> Connection::begin(bool exclusive) {
  const std::string_view how = exclusive ? "BEGIN EXCLUSIVE" : immediate_ ? "BEGIN IMMEDIATE" : "BEGIN";
  MECHA_TRY(const auto changed, execute(how));
  (void)changed;
  return {};
}

Result<void> Connection::commit() {
  MECHA_TRY(const auto changed, execute("COMMIT"));
  (void)changed;
  return {};
}

void Connection::rollback() {
  if (in_transaction()) (void)execute("ROLLBACK");
}

std::string Connection::file() const {
  const char* name = sqlite3_db_filename(handle_, "main");
  return name == nullptr ? "" : name;
}

// Another connection has the lock; this is the wait before the next try, of which `times` came before.
bool Connection::wait_for_lock(int times) {
  const auto now = std::chrono::steady_clock::now();
  if (times == 0) busy_since_ = now;
  const auto left = busy_timeout_ - std::chrono::duration_cast<std::chrono::milliseconds>(now - busy_since_);
  if (left.count() <= 0 || unwanted()) return false;
  const std::chrono::milliseconds step(std::min(1 << std::min(times, 4), 25));
  std::this_thread::sleep_for(std::min(step, left));
  return true;
}

Connection::Watch::Watch(Connection& connection, std::function<bool()> wanted) : connection_(connection) {
  connection_.wanted_ = std::move(wanted);
  sqlite3_progress_handler(
      connection_.handle_, kStepsBetweenQuestions, [](void* self) { return static_cast<Connection*>(self)->unwanted() ? 1 : 0; }, &connection_
  );
}

Connection::Watch::~Watch() {
  sqlite3_progress_handler(connection_.handle_, 0, nullptr, nullptr);
  connection_.wanted_ = nullptr;
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

}  // namespace mecha::sqlite
