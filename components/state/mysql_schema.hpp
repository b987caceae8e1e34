// The tables of state.mysql (contract 02, section 2.6) and its statements. The schema is looked at, not counted: what is
// missing is added.

#pragma once

#include <string>

#include "components/mysql/connection.hpp"

namespace mecha::state {

struct MysqlNames {
  std::string schema, table, metadata_table;
};

// `{live}` is spelled out and the names of the tables are filled in.
struct MysqlStatements {
  std::string get, bulk_get, keys, put, put_first, update, remove, remove_etag, expire, note_cleanup;
};

MysqlStatements mysql_statements(const MysqlNames& names);

// The schema, on a connection that has no database; the tables, on one that has.
Result<void> create_mysql_schema(mysql::Connection& connection, const MysqlNames& names);
Result<void> create_mysql_tables(mysql::Connection& connection, const MysqlNames& names);

}  // namespace mecha::state
