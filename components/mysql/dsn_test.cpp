// Connection strings of MySQL.

#include "components/mysql/dsn.hpp"

#include "tests/catch.hpp"

using namespace mecha::mysql;
using namespace std::chrono_literals;

namespace {

std::string error_of(std::string_view text) {
  const auto dsn = parse_dsn(text);
  return dsn ? "" : dsn.error().message;
}

}  // namespace

TEST_CASE("a connection string of MySQL names user, server, database and parameters", "[mysql]") {
  const auto dsn = parse_dsn("me:pass:w@rd@tcp([::1]:33)/db?tls=custom&timeout=1500ms&readTimeout=5s&parseTime=true&sql_mode=%27ANSI%27");
  REQUIRE(dsn);
  CHECK(dsn->user == "me");
  CHECK(dsn->password == "pass:w@rd");
  CHECK(dsn->host == "::1");
  CHECK(dsn->port == 33);
  CHECK(dsn->database == "db");
  CHECK(dsn->tls == Tls::custom);
  CHECK(dsn->connect_timeout == 2s);
  CHECK(dsn->read_timeout == 5s);
  REQUIRE(dsn->variables.size() == 1);
  CHECK(dsn->variables[0].first == "sql_mode");
  CHECK(dsn->variables[0].second == "'ANSI'");
}

TEST_CASE("what a connection string of MySQL leaves out has its default", "[mysql]") {
  const auto dsn = parse_dsn("/");
  REQUIRE(dsn);
  CHECK(dsn->user == "");
  CHECK(dsn->host == "127.0.0.1");
  CHECK(dsn->port == 3306);
  CHECK(dsn->tls == Tls::off);
  CHECK(parse_dsn("root@tcp(db)/")->host == "db");
  CHECK(parse_dsn("root@tcp(db)/")->password == "");
  CHECK(parse_dsn("root@unix(/run/mysqld.sock)/")->unix_path == "/run/mysqld.sock");
}

TEST_CASE("a connection string of MySQL that cannot be is refused in words", "[mysql]") {
  CHECK(error_of("me:secret@tcp(a:1)") == "invalid DSN: missing the slash separating the database name");
  CHECK(error_of("tcp(a:x)/") == "invalid DSN: the address has no valid port");
  CHECK(error_of("tcp(a:1/") == "invalid DSN: the address has no closing bracket");
  CHECK(error_of("udp(a:1)/") == "invalid DSN: the network is tcp or unix");
  CHECK(error_of("/?tls=maybe") == "invalid DSN: tls is true, false, skip-verify or custom");
  CHECK(error_of("/?timeout=5") == "invalid DSN: timeout is a duration, such as 5s");
  CHECK(error_of("/?compress=true") == "invalid DSN: compress is not built");
  CHECK(error_of("/?a%20b=1") == "variable name 'a%20b' is not valid");
  CHECK(error_of("/?x=1;drop") == "invalid DSN: the value of x is not valid");
}
