// One connection to an SQLite database with its prepared statements. Used by one thread at a time; errors have the words
// of SQLite ("database is locked (5)").

#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/result.hpp"

struct sqlite3;

namespace mecha::sqlite {

// NULL, INTEGER, REAL, TEXT. Blobs come back as text.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;
using Params = std::vector<Value>;

struct Row {
  std::vector<Value> columns;

  bool is_null(std::size_t i) const { return std::holds_alternative<std::monostate>(columns[i]); }
  // The column as text or number whatever it is; "" and 0 for NULL.
  std::string text(std::size_t i) const;
  std::int64_t integer(std::size_t i) const;
  std::string& text_ref(std::size_t i) { return std::get<std::string>(columns[i]); }
};

struct OpenOptions {
  std::string uri;  // "file:path?mode=rwc", ":memory:" as "file::memory:"
  std::chrono::milliseconds busy_timeout{2000};  // 0: none
  std::string journal_mode;                      // WAL, DELETE, MEMORY; empty: as it is
  std::vector<std::string> pragmas;              // "synchronous(1)"
  bool immediate = true;                         // a transaction takes the write lock when it begins
};

class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const OpenOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs a statement to its end; the number of rows that it changed.
  Result<std::int64_t> execute(std::string_view sql, const Params& params = {});
  Result<std::vector<Row>> query(std::string_view sql, const Params& params = {});
  // Several statements without parameters, not kept.
  Result<void> script(const std::string& sql);

  Result<void> begin(bool exclusive = false);
  Result<void> commit();
  void rollback();
  bool in_transaction() const;
  // The absolute path of the file; empty of a database in memory.
  std::string file() const;
  // From any thread while the connection lives: ends the statements that run.
  void interrupt();

 private:
  explicit Connection(sqlite3* handle);
  struct Cache;

  Error failure() const;
  sqlite3* handle_;
  std::unique_ptr<Cache> cache_;
  bool immediate_ = true;
};

}  // namespace mecha::sqlite
