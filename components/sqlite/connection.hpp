// One connection to an SQLite database with its prepared statements. Used by one thread at a time; errors have the words
// of SQLite ("database is locked (5)").

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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

  // While it lives, who waits for the connection's statements is asked for: once `wanted` says no, the one that runs, or waits for a
  // lock, fails soon. It is asked on the connection's thread, every few microseconds, and must be cheap. One at a time.
  class Watch {
   public:
    Watch(Connection& connection, std::function<bool()> wanted);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Connection& connection_;
  };

 private:
  explicit Connection(sqlite3* handle);
  struct Cache;

  Error failure() const;
  Result<void> set_journal_mode(const std::string& mode);
  bool unwanted() const { return wanted_ && !wanted_(); }
  bool wait_for_lock(int times);
  sqlite3* handle_;
  std::unique_ptr<Cache> cache_;
  bool immediate_ = true;
  std::chrono::milliseconds busy_timeout_{0};
  std::chrono::steady_clock::time_point busy_since_;
  std::function<bool()> wanted_;
};

}  // namespace mecha::sqlite
