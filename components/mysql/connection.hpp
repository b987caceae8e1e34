// One connection to a MySQL or MariaDB server, blocking. Used by one thread at a time; errors have the words of the server
// ("Error 1062 (23000): Duplicate entry ..."). Its session counts in UTC.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "components/mysql/dsn.hpp"
#include "runtime/base/result.hpp"

struct st_mysql;

namespace mecha::mysql {

struct Options {
  Dsn dsn;
  std::string ca_file;  // of Tls::custom
  std::chrono::seconds timeout{20};  // of connecting, and of each wait for the server
  std::size_t connections_max = 8;   // never more than that
  std::size_t idle_count_max = 8;    // connections that stay open without work
  std::chrono::milliseconds idle_max{0}, lifetime_max{0};  // a connection is closed then; 0: never
};

// SQL as it is: a number of any kind.
struct Literal {
  std::string sql;
};

// NULL, a number or a text; a `?` of a statement each.
using Value = std::variant<std::monostate, std::int64_t, std::string, Literal>;
using Params = std::vector<Value>;
using Row = std::vector<std::optional<std::string>>;

enum class Kind : std::uint8_t { text, whole, number, time, bytes };  // number: one with a fraction or an exponent
struct Column {
  std::string name;
  Kind kind = Kind::text;
};
struct Table {
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::int64_t changed = 0;  // rows that a statement without rows changed
};

inline constexpr unsigned kDeadlock = 1213;  // the server undid the transaction; it may be tried again

class Connection {
 public:
  static Result<std::unique_ptr<Connection>> open(const Options& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The number of rows that a statement changed.
  Result<std::int64_t> execute(std::string_view sql, const Params& params = {});
  Result<std::vector<Row>> query(std::string_view sql, const Params& params = {});
  // For statements of others: the rows with their columns, or how many rows were changed. Of several results the first.
  Result<Table> read(std::string_view sql, const Params& params = {});
  // True while the server answers.
  bool alive();
  bool lost() const { return lost_; }
  unsigned last_error() const { return last_error_; }

 private:
  explicit Connection(st_mysql* handle) : handle_(handle) {}
  Result<void> run(std::string_view sql, const Params& params);
  std::unexpected<Error> failure();

  st_mysql* handle_;
  bool lost_ = false;
  unsigned last_error_ = 0;
};

}  // namespace mecha::mysql
