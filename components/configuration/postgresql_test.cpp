// configuration.postgresql: the conformance suite against a real server
// (MECHA_TEST_POSTGRES=postgres://user:password@host:port/database) with a trigger as users write it, rows, lost connections.

#include <algorithm>
#include <cstdlib>

#include "components/configuration/postgresql_subscription.hpp"
#include "components/postgresql/pool.hpp"
#include "tests/conformance/configuration_store_suite.hpp"

namespace mecha::configuration {
void register_postgresql(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::configuration;
using conformance::Stage;

namespace {

std::string server() {
  const char* text = std::getenv("MECHA_TEST_POSTGRES");
  return text != nullptr ? text : "postgres://mecha:a-password@127.0.0.1:5432/postgres";
}

// A table with a trigger that tells of its changes; {t} in a text is its name, which is the channel's too.
struct World {
  World() : table("config_" + text::replace_all(text::uuid(), "-", "_")) {
    const postgresql::ConnectionSettings settings{.connection = Secret(server())};
    pool = std::make_unique<postgresql::Pool>(stage.shards(), postgresql::resolve(settings).value());
    run("CREATE TABLE {t} (KEY varchar NOT NULL, VALUE varchar NOT NULL, VERSION varchar NOT NULL, METADATA json)");
    run("CREATE FUNCTION {t}_tell() RETURNS trigger AS $$ DECLARE data json; BEGIN "
        "IF TG_OP = 'DELETE' THEN data = row_to_json(OLD); ELSE data = row_to_json(NEW); END IF; "
        "PERFORM pg_notify('{t}', json_build_object('table', TG_TABLE_NAME, 'action', TG_OP, 'data', data)::text); RETURN NULL; END $$ LANGUAGE plpgsql");
    run("CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON {t} FOR EACH ROW EXECUTE PROCEDURE {t}_tell()");
  }
  ~World() {
    run("DROP TABLE {t}");
    run("DROP FUNCTION {t}_tell");
    stage.run(pool->close());
  }

  std::vector<postgresql::Row> run(const std::string& sql, postgresql::Params params = {}) {
    auto answer = stage.run(pool->run({.sql = text::replace_all(sql, "{t}", table), .params = std::move(params)}));
    INFO((answer ? "" : answer.error().message));
    REQUIRE(answer);
    return std::move(answer->rows);
  }
  std::shared_ptr<ConfigurationStore> store(std::vector<NameValue> more = {}) {
    more.push_back({"connectionString", server()});
    more.push_back({"table", table});
    auto started = stage.start<ConfigurationStore>("configuration.postgresql", std::move(more));
    INFO((started ? "" : started.error().message));
    REQUIRE(started);
    return *started;
  }

  Stage stage{register_postgresql};
  std::string table;
  std::unique_ptr<postgresql::Pool> pool;
};

std::string start_error(std::vector<NameValue> settings) {
  Stage stage{register_postgresql};
  auto started = stage.start<ConfigurationStore>("configuration.postgresql", std::move(settings));
  return started ? "" : started.error().message;
}

}  // namespace

TEST_CASE("a notification is a row", "[configuration][postgresql]") {
  const auto change = parse_notification(R"({"table":"t","action":"DELETE","data":{"Key":"k","VALUE":"v","version":"1","metadata":{"a":"b","n":1}}})");
  REQUIRE(change);
  CHECK(change->first == "k");
  CHECK(change->second.value == "v");
  CHECK(change->second.version == "1");
  CHECK(change->second.metadata == Metadata{{"a", "b"}, {"n", "1"}});
  CHECK(parse_notification(R"({"data":{"key":"k","metadata":null}})")->second.metadata.empty());
  for (const auto* bad : {"", "x", "[]", "{}", R"({"data":{}})", R"({"data":{"key":1}})", R"({"data":[]})"}) CHECK_FALSE(parse_notification(bad));
}

TEST_CASE("a configuration store on PostgreSQL keeps the promises of such stores", "[configuration][postgresql][needs-postgres]") {
  World world;
  const bool by_request = GENERATE(false, true);
  auto store = by_request ? world.store() : world.store({{"notifyChannel", world.table}});
  conformance::ConfigurationTraits traits;
  traits.write = [&](const std::string& key, const std::string& value, const std::string& version) {
    if (!world.run("UPDATE {t} SET value = $2, version = $3 WHERE key = $1 RETURNING key", {key, value, version}).empty()) return;
    world.run("INSERT INTO {t} VALUES ($1, $2, $3, NULL)", {key, value, version});
  };
  traits.remove = [&](const std::string& key) { world.run("DELETE FROM {t} WHERE key = $1", {key}); };
  traits.deleted_is_empty = false;
  if (by_request) traits.subscribe_metadata = {{"PGNotifyChannel", world.table}};
  conformance::configuration_store(world.stage, *store, traits, "k/");
}

TEST_CASE("the greatest version of a key counts", "[configuration][postgresql][needs-postgres]") {
  World world;
  auto store = world.store();
  world.run("INSERT INTO {t} VALUES ('a', 'nine', '9', NULL), ('a', 'ten', '10', '{\"m\":\"x\"}'), ('a', 'other ten', '10', NULL), "
            "('b', 'first', 'x', NULL), ('b', 'second', 'y', NULL)");
  const auto items = world.stage.run(store->get({.keys = {}, .metadata = {{"ignored", "x"}}})).value();
  CHECK(items.at("a").value == "ten");
  CHECK(items.at("a").metadata == Metadata{{"m", "x"}});
  CHECK(items.at("b").value == "first");
  const auto wrong = world.stage.run(store->get({.keys = {"a", "a' OR 1=1"}}));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message == "invalid key : 'a' OR 1=1'");
  const auto silent = world.stage.run(store->subscribe({.keys = {"a"}}, {}));
  REQUIRE_FALSE(silent);
  CHECK(silent.error().message == "unable to subscribe to '" + world.table + "'.pgNotifyChannel attribute cannot be empty");
}

TEST_CASE("a subscription on PostgreSQL goes on after its connection broke", "[configuration][postgresql][needs-postgres]") {
  World world;
  auto store = world.store({{"notifyChannel", world.table}});
  std::vector<Items> heard;
  const auto handler = [&heard](Items items) -> asio::awaitable<void> {
    heard.push_back(std::move(items));
    co_return;
  };
  auto subscription = world.stage.run(store->subscribe({.keys = {"k"}}, handler));
  REQUIRE(subscription);
  CHECK(world.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN {t}'").size() == 1);
  world.run("SELECT pg_notify('{t}', 'no JSON')");
  int version = 0;
  const auto heard_again = [&] {
    world.run("SELECT pg_notify('{t}', '{\"data\":{\"key\":\"k\",\"value\":\"v\",\"version\":\"" + std::to_string(++version) + "\"}}')");
    world.stage.run_for(std::chrono::milliseconds(20));
    return !heard.empty();
  };
  CHECK(testing::eventually(heard_again));
  world.stage.run((*subscription)->stop());
}

TEST_CASE("configuration.postgresql says what is wrong with its settings", "[configuration][postgresql]") {
  CHECK(start_error({{"connectionString", "host=a"}}) == "missing postgreSQL configuration table name");
  CHECK(start_error({{"connectionString", "host=a"}, {"table", "A"}}) == "invalid table name 'A'. non-alphanumerics are not supported");
  const std::string table(65, 'a');
  CHECK(start_error({{"connectionString", "host=a"}, {"table", table}}) == "table name is too long - tableName : '" + table + "'. max allowed field length is 64");
  CHECK(start_error({{"table", "a"}}) == "missing connection string");
}

TEST_CASE("a table that is missing is named", "[configuration][postgresql][needs-postgres]") {
  CHECK(start_error({{"connectionString", server()}, {"table", "no_such_table"}}) == "postgreSQL configuration table 'no_such_table' does not exist");
}
