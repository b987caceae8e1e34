// The two layouts of state.postgresql (contract 02, sections 2.4 and 2.5): tables, migrations, statements.

#pragma once

#include <string>

#include "components/postgresql/connection.hpp"

namespace mecha::state {

// Names stand in the statements as they are: "schema.table" is allowed, and quotes are the user's.
struct PostgresNames {
  std::string table, metadata_table;
  std::string suffix = {};  // of the rows of the metadata table, "-state-v2-<tablePrefix>"
};

// Reading gives key, value, whether it is a text of base64 ("true"), etag, and time of expiry. Writing takes key, value, in the
// first layout whether it is binary, seconds to live or NULL, and the etag where one is asked for.
struct PostgresStatements {
  std::string get, bulk_get, keys, put, put_first, update, remove, remove_etag, expire, note_cleanup;
};

PostgresStatements postgres_statements(const PostgresNames& names, bool second_layout);

// Brings the tables up to date. Several processes may do it at once: one row of the metadata table is their lock.
Async<void> migrate_postgres(postgresql::Connection& connection, PostgresNames names, bool second_layout);

}  // namespace mecha::state
