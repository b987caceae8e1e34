// Connection strings of components on SQLite (contract 02, section 2.3).

#pragma once

#include <string_view>

#include "components/sqlite/database.hpp"

namespace mecha::sqlite {

// A path, a `file:` URI or ":memory:", to what the driver needs. Fails on options that a component sets itself
// ("found forbidden option '_pragma=busy_timeout' in the connection string").
Result<DatabaseOptions> parse_connection_string(std::string_view text, bool disable_wal = false);

// What opening a file would fail with because of where it lies; databases in memory lie nowhere. Blocks, makes nothing.
Result<void> check_place(const DatabaseOptions& options);

// "invalid identifier: a b" unless it is made of letters, digits and _.
Result<void> check_identifier(std::string_view name);

}  // namespace mecha::sqlite
