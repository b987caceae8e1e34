#include "components/state/mysql_schema.hpp"

#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

using mysql::Connection;

std::string fill(std::string text, const MysqlNames& names) {
  text = text::replace_all(text, "{s}", names.schema);
  text = text::replace_all(text, "{t}", names.table);
  text = text::replace_all(text, "{m}", names.metadata_table);
  text = text::replace_all(text, "{live}", "(expiredate IS NULL OR expiredate > CURRENT_TIMESTAMP)");
  // No seconds give no time.
  return text::replace_all(text, "{expiry}", "DATE_ADD(CURRENT_TIMESTAMP, INTERVAL ? SECOND)");
}

Result<bool> is_there(Connection& connection, std::string_view sql, const mysql::Params& params) {
  MECHA_TRY(const auto rows, connection.query(sql, params));
  return !rows.empty();
}

// Another process that starts may be quicker: then the statement fails, and what it was for is there.
Result<void> add(Connection& connection, const std::string& sql, std::string_view look, const mysql::Params& params) {
  MECHA_TRY(const bool before, is_there(connection, look, params));
  if (before) return {};
  const auto done = connection.execute(sql);
  if (done) return {};
  const auto now = is_there(connection, look, params);
  if (now && *now) return {};
  return fail(done.error());
}

constexpr std::string_view kTable = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?";
constexpr std::string_view kColumn = "SELECT 1 FROM information_schema.columns WHERE table_schema = ? AND table_name = ? AND column_name = ?";
constexpr std::string_view kIndex = "SELECT 1 FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? AND index_name = ?";

}  // namespace

MysqlStatements mysql_statements(const MysqlNames& names) {
  return {
      .get = fill("SELECT id, value, isbinary, eTag, expiredate FROM {t} WHERE id = ? AND {live}", names),
      .bulk_get = fill("SELECT id, value, isbinary, eTag, expiredate FROM {t} WHERE {live} AND id IN ", names),
      .keys = fill("SELECT id, row_id FROM {t} WHERE {live} AND id LIKE ? AND row_id > ? ORDER BY row_id LIMIT ?", names),
      .put = fill("REPLACE INTO {t} (id, value, isbinary, eTag, expiredate) VALUES (?, ?, ?, ?, {expiry})", names),
      // An expired record is taken over; a live one is left as it is, which changes no row. The time comes last: the other
      // columns look at what it was.
      .put_first = fill(
          "INSERT INTO {t} (id, value, isbinary, eTag, expiredate) VALUES (?, ?, ?, ?, {expiry}) ON DUPLICATE KEY UPDATE "
          "value = IF({live}, value, VALUES(value)), isbinary = IF({live}, isbinary, VALUES(isbinary)), "
          "insertDate = IF({live}, insertDate, CURRENT_TIMESTAMP), eTag = IF({live}, eTag, VALUES(eTag)), "
          "expiredate = IF({live}, expiredate, VALUES(expiredate))", names),
      .update = fill(
          "UPDATE {t} SET value = ?, isbinary = ?, eTag = ?, expiredate = {expiry} WHERE id = ? AND eTag = ? AND {live}", names),
      .remove = fill("DELETE FROM {t} WHERE id = ?", names),
      .remove_etag = fill("DELETE FROM {t} WHERE id = ? AND eTag = ?", names),
      .expire = fill("DELETE FROM {t} WHERE expiredate IS NOT NULL AND expiredate <= CURRENT_TIMESTAMP", names),
      .note_cleanup = fill(
          "INSERT INTO {m} (id, value) VALUES ('last-cleanup', CURRENT_TIMESTAMP) ON DUPLICATE KEY UPDATE "
          "value = IF(value <= DATE_SUB(CURRENT_TIMESTAMP, INTERVAL ? SECOND), CURRENT_TIMESTAMP, value)", names),
  };
}

Result<void> create_mysql_schema(Connection& connection, const MysqlNames& names) {
  return add(
      connection, fill("CREATE DATABASE IF NOT EXISTS {s}", names), "SELECT 1 FROM information_schema.schemata WHERE schema_name = ?",
      {names.schema}
  );
}

Result<void> create_mysql_tables(Connection& connection, const MysqlNames& names) {
  MECHA_TRY_VOID(add(
      connection,
      fill(
          "CREATE TABLE IF NOT EXISTS {t} (id VARCHAR(255) NOT NULL PRIMARY KEY, value JSON NOT NULL, isbinary BOOLEAN NOT NULL, "
          "insertDate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, "
          "updateDate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, eTag VARCHAR(36) NOT NULL, "
          "expiredate TIMESTAMP NULL, INDEX expiredate_idx (expiredate))", names),
      kTable, {names.schema, names.table}
  ));
  MECHA_TRY_VOID(add(
      connection, fill("ALTER TABLE {t} ADD COLUMN expiredate TIMESTAMP NULL", names), kColumn,
      {names.schema, names.table, std::string("expiredate")}
  ));
  MECHA_TRY_VOID(add(
      connection, fill("CREATE INDEX expiredate_idx ON {t} (expiredate)", names), kIndex,
      {names.schema, names.table, std::string("expiredate_idx")}
  ));
  MECHA_TRY_VOID(add(
      connection, fill("ALTER TABLE {t} ADD COLUMN row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, ADD UNIQUE KEY row_id_uidx (row_id)", names),
      kColumn, {names.schema, names.table, std::string("row_id")}
  ));
  return add(
      connection, fill("CREATE TABLE IF NOT EXISTS {m} (id VARCHAR(255) NOT NULL PRIMARY KEY, value TEXT NOT NULL)", names), kTable,
      {names.schema, names.metadata_table}
  );
}

}  // namespace mecha::state
