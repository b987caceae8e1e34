// Statements and what they answer, as plain values.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace mecha::postgresql {

struct Bytes {
  std::string bytes;  // for a column of type bytea
};

// NULL, a number, a text, or bytes; $1, $2 .. of a statement.
using Value = std::variant<std::monostate, std::int64_t, std::string, Bytes>;
using Params = std::vector<Value>;
using Row = std::vector<std::optional<std::string>>;

struct Statement {
  std::string sql;
  Params params;
  // Columns are of type text or bytea and come as they are; else each is the server's text.
  bool binary = false;
  // Several statements may stand in it; the last one's answer counts. Without parameters.
  bool script = false;
};

struct Column {
  std::string name;
  std::uint32_t type = 0;  // OID
};

struct Answer {
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::int64_t changed = 0;  // rows that it wrote or, of a query, found
};

}  // namespace mecha::postgresql
