#include "components/mysql/connection.hpp"

#include <algorithm>

#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>

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
  std::string text;
  std::size_t next = 0;
  for (const char c : sql) {
    if (c != '?') {
      text += c;
      continue;
    }
    const auto& value = params.at(next++);
    if (const auto* number = std::get_if<std::int64_t>(&value)) text += std::to_string(*number);
    else if (const auto* words = std::get_if<std::string>(&value)) text += quoted(handle_, *words);
    else text += "NULL";
  }
  last_error_ = 0;
  if (mysql_real_query(handle_, text.data(), text.size()) != 0) return failure();
  return {};
}

Result<std::int64_t> Connection::execute(std::string_view sql, const Params& params) {
  MECHA_TRY_VOID(run(sql, params));
  return static_cast<std::int64_t>(mysql_affected_rows(handle_));
}

Result<std::vector<Row>> Connection::query(std::string_view sql, const Params& params) {
  MECHA_TRY_VOID(run(sql, params));
  MYSQL_RES* result = mysql_store_result(handle_);
  if (result == nullptr) return failure();
  std::vector<Row> rows;
  const auto width = mysql_num_fields(result);
  while (MYSQL_ROW columns = mysql_fetch_row(result)) {
    const auto* lengths = mysql_fetch_lengths(result);
    auto& row = rows.emplace_back(width);
    for (unsigned i = 0; i < width; ++i) {
      if (columns[i] != nullptr) row[i] = std::string(columns[i], lengths[i]);
    }
  }
  mysql_free_result(result);
  return rows;
}

}  // namespace mecha::mysql
