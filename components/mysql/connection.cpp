#include "components/mysql/connection.hpp"

#include <algorithm>

#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>

#include "components/mysql/parameters.hpp"

namespace mecha::mysql {
namespace {

void set_option(MYSQL* handle, mysql_option option, std::chrono::milliseconds stated, std::chrono::seconds standard) {
  const auto limit = stated.count() > 0 ? std::chrono::duration_cast<std::chrono::seconds>(stated) : standard;
  const auto seconds = static_cast<unsigned>(std::max<std::int64_t>(limit.count(), 1));
  mysql_options(handle, option, &seconds);
}

void set_tls(MYSQL* handle, const Options& options) {
  my_bool yes = 1;
  my_bool verify = options.dsn.tls == Tls::unverified ? 0 : 1;
  if (options.dsn.tls == Tls::off) return;
  mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &yes);
  mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (options.dsn.tls == Tls::custom) mysql_optionsv(handle, MYSQL_OPT_SSL_CA, options.ca_file.c_str());
}

Kind kind_of(const MYSQL_FIELD& field) {
  constexpr unsigned kBinary = 63;  // the character set of what is no text
  switch (field.type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR: return Kind::whole;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE: return Kind::number;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP: return Kind::time;
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_GEOMETRY: return Kind::bytes;
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_VARCHAR: return field.charsetnr == kBinary ? Kind::bytes : Kind::text;
    default: return Kind::text;
  }
}

Table take(MYSQL_RES* result) {
  Table table;
  const auto width = mysql_num_fields(result);
  for (unsigned i = 0; i < width; ++i) {
    const auto* field = mysql_fetch_field_direct(result, i);
    table.columns.push_back({std::string(field->name, field->name_length), kind_of(*field)});
  }
  while (MYSQL_ROW columns = mysql_fetch_row(result)) {
    const auto* lengths = mysql_fetch_lengths(result);
    auto& row = table.rows.emplace_back(width);
    for (unsigned i = 0; i < width; ++i) {
      if (columns[i] != nullptr) row[i] = std::string(columns[i], lengths[i]);
    }
  }
  mysql_free_result(result);
  return table;
}

bool is_lost(unsigned code) { return code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST; }

// Bytes of a text that stand between quotes of SQL, in the way the session reads them.
std::string quoted(MYSQL* handle, const std::string& text) {
  std::string out(2 * text.size() + 1, '\0');
  out.resize(mysql_real_escape_string(handle, out.data(), text.data(), text.size()));
  return '\'' + out + '\'';
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const Options& options) {
  const auto& dsn = options.dsn;
  static const bool ready = mysql_library_init(0, nullptr, nullptr) == 0;  // once, whichever thread is first
  MYSQL* handle = ready ? mysql_init(nullptr) : nullptr;
  if (handle == nullptr) return fail(Code::internal, "mysql: out of memory");
  std::unique_ptr<Connection> connection(new Connection(handle));
  set_option(handle, MYSQL_OPT_CONNECT_TIMEOUT, dsn.connect_timeout, options.timeout);
  set_option(handle, MYSQL_OPT_READ_TIMEOUT, dsn.read_timeout, options.timeout);
  set_option(handle, MYSQL_OPT_WRITE_TIMEOUT, dsn.write_timeout, options.timeout);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, dsn.charset.c_str());
  const unsigned local_files = 0;
  mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &local_files);
  set_tls(handle, options);
  const char* host = dsn.unix_path.empty() ? dsn.host.c_str() : nullptr;
  const char* path = dsn.unix_path.empty() ? nullptr : dsn.unix_path.c_str();
  const char* database = dsn.database.empty() ? nullptr : dsn.database.c_str();
  if (mysql_real_connect(handle, host, dsn.user.c_str(), dsn.password.c_str(), database, dsn.port, path, 0) == nullptr) {
    auto error = connection->failure().error();
    error.code = Code::unavailable;
    return fail(std::move(error));
  }
  for (const auto& [name, value] : dsn.variables) MECHA_TRY_VOID(connection->run("SET " + name + " = " + value, {}));
  MECHA_TRY_VOID(connection->run("SET time_zone = '+00:00'", {}));
  return connection;
}

Connection::~Connection() { mysql_close(handle_); }

bool Connection::alive() {
  if (!lost_ && mysql_ping(handle_) != 0) lost_ = true;
  return !lost_;
}

std::unexpected<Error> Connection::failure() {
  last_error_ = mysql_errno(handle_);
  lost_ = lost_ || is_lost(last_error_);
  return fail(
      lost_ ? Code::unavailable : Code::unknown,
      "Error " + std::to_string(last_error_) + " (" + mysql_sqlstate(handle_) + "): " + mysql_error(handle_)
  );
}

Result<void> Connection::run(std::string_view sql, const Params& params) {
  std::vector<std::string> literals;
  for (const auto& value : params) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) literals.push_back(std::to_string(*number));
    else if (const auto* words = std::get_if<std::string>(&value)) literals.push_back(quoted(handle_, *words));
    else if (const auto* literal = std::get_if<Literal>(&value)) literals.push_back(literal->sql);
    else literals.emplace_back("NULL");
  }
  last_error_ = 0;
  MECHA_TRY(const auto text, with_values(sql, literals));
  if (mysql_real_query(handle_, text.data(), text.size()) != 0) return failure();
  return {};
}

Result<std::int64_t> Connection::execute(std::string_view sql, const Params& params) {
  MECHA_TRY_VOID(run(sql, params));
  return static_cast<std::int64_t>(mysql_affected_rows(handle_));
}

Result<std::vector<Row>> Connection::query(std::string_view sql, const Params& params) {
  MECHA_TRY(auto table, read(sql, params));
  return std::move(table.rows);
}

Result<Table> Connection::read(std::string_view sql, const Params& params) {
  MECHA_TRY_VOID(run(sql, params));
  Table table;
  if (MYSQL_RES* result = mysql_store_result(handle_)) table = take(result);
  else if (mysql_field_count(handle_) != 0) return failure();
  else table.changed = static_cast<std::int64_t>(mysql_affected_rows(handle_));
  // A procedure has a result of its own after those of its statements.
  for (int more = mysql_next_result(handle_); more >= 0; more = mysql_next_result(handle_)) {
    if (more > 0) return failure();
    if (MYSQL_RES* rest = mysql_store_result(handle_)) mysql_free_result(rest);
  }
  return table;
}

}  // namespace mecha::mysql
