#include "components/postgresql/conninfo.hpp"

#include "components/postgresql/settings.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::postgresql;

namespace {

std::string show(std::string_view text) {
  const auto words = parse_conninfo(text);
  if (!words) return words.error().message;
  std::string out;
  for (const auto& [keyword, value] : *words) out += (out.empty() ? "" : ";") + keyword + "=" + value;
  return out;
}

std::string refusal(const ConnectionSettings& settings) {
  const auto options = resolve(settings);
  return options ? std::string() : options.error().message;
}

ConnectionSettings of(std::string text) { return {.connection = Secret(std::move(text))}; }

}  // namespace

TEST_CASE("connection strings of words", "[postgresql]") {
  CHECK(show("host=h user=u  password=p port=5") == "host=h;user=u;password=p;port=5");
  CHECK(show("host=h database=d") == "host=h;dbname=d");
  CHECK(show("host=h junk port=5") == "host=h;port=5");
  CHECK(show("password='a b' user=it\\'s") == "password=a b;user=it's");
  CHECK(show("password=a=b") == "password=a=b");
  CHECK(show("host=a host=b") == "host=b");
  CHECK(show("host=h pool_max_conns=5") == "host=h;pool_max_conns=5");
  CHECK(show("search_path=a application_name=x") == "options=-c search_path=a;application_name=x");
  CHECK(show("options='-c a=1' search_path='a b'") == "options=-c a=1 -c search_path=a\\ b");
  CHECK(show("") == "");
  CHECK(show("password='secret") == "invalid connectionString: a quote is not closed");
  CHECK(show("=secret") == "invalid connectionString: a keyword is missing before =");
}

TEST_CASE("connection strings that are URLs", "[postgresql]") {
  CHECK(show("postgres://u:p%40@h:5/d") == "user=u;password=p@;dbname=d;host=h;port=5");
  CHECK(show("postgresql://h1:1,h2:2/d?sslmode=require&pool_max_conns=3") == "dbname=d;host=h1,h2;port=1,2;sslmode=require;pool_max_conns=3");
  CHECK(show("postgres:///?host=h&database=d&search_path=s") == "host=h;dbname=d;options=-c search_path=s");
  CHECK(show("postgres://u:secret@[h/") == "invalid connectionString: it is no URL of PostgreSQL");
  CHECK(show("postgres://h/?secret") == "invalid connectionString: a parameter of the URL has no name or no value");
}

TEST_CASE("settings replace parts of the connection string and say what is wrong with them", "[postgresql]") {
  auto settings = of("host=a user=u pool_max_conns=7 pool_max_conn_idle_time=5s pool_min_conns=2");
  settings.host = "b";
  settings.database = "d";
  auto options = resolve(settings);
  REQUIRE(options);
  CHECK(options->words.get("host") == "b");
  CHECK(options->words.get("dbname") == "d");
  CHECK(options->words.get("user") == "u");
  CHECK(options->words.get("pool_min_conns").empty());
  CHECK(options->connections_max == 7);
  CHECK(options->idle_max == std::chrono::seconds(5));
  settings.connections_max = 2;
  settings.exec_mode = "simple_protocol";
  options = resolve(settings);
  REQUIRE(options);
  CHECK(options->connections_max == 2);
  CHECK(options->exec == Exec::simple);
  settings.connections_max = 1;
  CHECK(resolve(settings)->connections_max == 7);

  CHECK(refusal({}) == "missing connection string");
  settings.exec_mode = "fast";
  CHECK(refusal(settings) == "invalid queryExecMode metadata value: fast");
  settings = of("host=a");
  settings.timeout = std::chrono::milliseconds(999);
  CHECK(refusal(settings) == "invalid value for 'timeout': must be greater than 1s");
  settings = of("host=a");
  settings.azure = true;
  CHECK(refusal(settings) == "useAzureAD is not in this build");
  CHECK(refusal(of("host=a pool_max_conns=0")) == "invalid connectionString: pool_max_conns must be 1 or more");
  CHECK(refusal(of("host=a pool_max_conn_lifetime=x")) == "invalid connectionString: pool_max_conn_lifetime must be a duration above zero");
}
