// The driver against a real server (MECHA_TEST_POSTGRES=postgres://user:password@host:port/database).

#include "components/postgresql/pool.hpp"

#include <atomic>
#include <cstdlib>

#include "runtime/async/parallel.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::postgresql;
using namespace std::chrono_literals;

namespace {

std::string server() {
  const char* text = std::getenv("MECHA_TEST_POSTGRES");
  return text != nullptr ? text : "postgres://mecha:a-password@127.0.0.1:5432/postgres";
}

struct World {
  explicit World(ConnectionSettings settings = {}) {
    if (settings.connection.empty()) settings.connection = Secret(server());
    auto options = resolve(settings);
    REQUIRE(options);
    pool = std::make_unique<Pool>(shards, *std::move(options));
  }
  ~World() { testing::run(shards.context(0), pool->close()); }

  Result<Answer> run(std::string sql, Params params = {}) {
    return testing::run(shards.context(0), pool->run({.sql = std::move(sql), .params = std::move(params)}));
  }
  // The rows, "a|NULL" each, or what went wrong.
  std::string look(std::string sql, Params params = {}) {
    const auto answer = run(std::move(sql), std::move(params));
    if (!answer) return answer.error().message;
    std::vector<std::string> lines;
    for (const auto& row : answer->rows) {
      std::vector<std::string> words;
      for (const auto& column : row) words.push_back(column.value_or("NULL"));
      lines.push_back(text::join(words, "|"));
    }
    return text::join(lines, "\n");
  }

  Shards shards{1};
  std::unique_ptr<Pool> pool;
};

ConnectionSettings with(void (*change)(ConnectionSettings&)) {
  ConnectionSettings settings{.connection = Secret(server())};
  change(settings);
  return settings;
}

Async<void> sleep_in(Pool* pool, int* done, std::string sql = "SELECT pg_sleep(0.05)") {
  MECHA_CO_TRY_VOID(co_await pool->run({.sql = std::move(sql), .params = {}}));
  ++*done;
  co_return Result<void>{};
}

asio::awaitable<void> many(Pool* pool, int* done, std::size_t count) {
  co_await for_each_parallel(count, count, [=](std::size_t) -> asio::awaitable<void> {
    (void)co_await sleep_in(pool, done);
  });
}

}  // namespace

TEST_CASE("values go to the server and come back in every mode", "[postgresql][needs-postgres]") {
  for (const char* mode : {"cache_statement", "exec", "simple_protocol"}) {
    ConnectionSettings settings{.connection = Secret(server())};
    settings.exec_mode = mode;
    INFO(mode);
    World world(settings);
    const Params params{std::monostate(), std::int64_t{-5}, std::string("a'\\ é"), Bytes{std::string("\0\xff", 2)}};
    for (int i = 0; i < 2; ++i) {
      CHECK(world.look("SELECT $1::text, $2::bigint - $2, $3::text, $4::bytea, '$1'", params) == "NULL|0|a'\\ é|\\x00ff|$1");
    }
    auto raw = testing::run(
        world.shards.context(0),
        world.pool->run({.sql = "SELECT $1::bytea, 'é'::text", .params = {Bytes{std::string("\0\xff", 2)}}, .binary = true})
    );
    REQUIRE(raw);
    CHECK(raw->rows.at(0) == Row{std::string("\0\xff", 2), "é"});
    CHECK(world.look("SELECT 1/0") == "ERROR: division by zero (SQLSTATE 22012)");
    CHECK(world.look("SELECT 1") == "1");
    CHECK(world.run("SELECT generate_series(1, 3)")->changed == 3);
    CHECK(world.look("") == "");
    CHECK(world.look("SELECT $1::text", {std::string("a\0b", 3)}) == "ERROR: invalid byte sequence for encoding \"UTF8\": 0x00 (SQLSTATE 22021)");
    const std::string large(3'000'000, 'x');
    CHECK(world.look("SELECT $1::text", {large}) == large);
  }
}

TEST_CASE("COPY is refused and takes nobody else along", "[postgresql][needs-postgres]") {
  World world;
  CHECK(world.look("COPY pg_class TO STDOUT") == "COPY is not supported");
  CHECK(world.look("SELECT 1") == "1");
}

TEST_CASE("more calls than connections wait for each other", "[postgresql][needs-postgres]") {
  World world(with([](ConnectionSettings& s) { s.connections_max = 2; }));
  int done = 0;
  testing::run(world.shards.context(0), many(world.pool.get(), &done, 8));
  CHECK(done == 8);
  CHECK(world.look("SELECT count(*) FROM pg_stat_activity WHERE application_name = current_setting('application_name') AND pid = pg_backend_pid()") == "1");
}

TEST_CASE("a call ends within its limit, and the next one has another connection", "[postgresql][needs-postgres]") {
  World world(with([](ConnectionSettings& s) { s.timeout = 1s; s.connections_max = 2; }));
  const auto pid = world.look("SELECT pg_backend_pid()");
  const auto begin = std::chrono::steady_clock::now();
  CHECK(world.look("SELECT pg_sleep(5)") == "context deadline exceeded");
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
  CHECK(world.look("SELECT pg_backend_pid()") != pid);
}

TEST_CASE("the server ends what it does for a call that was given up", "[postgresql][needs-postgres]") {
  World world(with([](ConnectionSettings& s) { s.timeout = 1s; })), other;
  const auto mark = text::uuid();
  CHECK(world.look("SELECT pg_sleep(60), '" + mark + "'") == "context deadline exceeded");
  CHECK(testing::eventually([&] {
    (void)world.look("SELECT 1");  // lets the pool work
    return other.look("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1", {"%sleep%" + mark + "%"}) == "0";
  }));
}

namespace {

// Calls from every shard, some of them given up.
asio::awaitable<void> calls(Pool* pool, std::atomic<int>* done) {
  for (int i = 0; i < 20; ++i) {
    const auto answer = co_await pool->run({.sql = "SELECT 1", .params = {}});
    if (answer && answer->rows.size() == 1) ++*done;
    const auto late = co_await within(2ms, pool->run({.sql = "SELECT pg_sleep(0.5)", .params = {}}));
    if (!late) ++*done;
  }
}

}  // namespace

TEST_CASE("shards without connections of their own use those of others", "[postgresql][needs-postgres]") {
  Shards shards(3);
  Pool pool(shards, resolve(with([](ConnectionSettings& s) { s.connections_max = 2; })).value());
  std::atomic<int> done = 0;
  std::atomic<std::size_t> left = 6;
  const auto finish = [&](std::exception_ptr) {
    if (--left > 0) return;
    asio::co_spawn(shards.executor(0), pool.close(), [&](std::exception_ptr) { shards.stop(); });
  };
  for (std::size_t i = 0; i < 6; ++i) asio::co_spawn(shards.executor(i % 3), calls(&pool, &done), finish);
  shards.run();
  CHECK(done == 240);
}

TEST_CASE("a connection that the server ended is replaced before it is used again", "[postgresql][needs-postgres]") {
  World world, other;
  const auto pid = world.look("SELECT pg_backend_pid()");
  CHECK(other.look("SELECT pg_terminate_backend($1::int)", {pid}) == "t");
  CHECK(testing::eventually([&] { return other.look("SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int", {pid}) == "0"; }));
  CHECK(world.look("SELECT 1") == "1");
  CHECK(world.look("SELECT pg_backend_pid()") != pid);
}

TEST_CASE("a statement whose table changed is prepared again", "[postgresql][needs-postgres]") {
  World world(with([](ConnectionSettings& s) { s.connections_max = 2; }));
  const auto table = "t" + text::replace_all(text::uuid(), "-", "");
  CHECK(world.look("CREATE TABLE " + table + " AS SELECT 1 AS a") == "");
  CHECK(world.look("SELECT * FROM " + table) == "1");
  CHECK(world.look("ALTER TABLE " + table + " ADD b text") == "");
  CHECK(world.look("SELECT * FROM " + table) == "1|NULL");
  CHECK(world.look("DEALLOCATE ALL") == "");
  CHECK(world.look("SELECT * FROM " + table) == "1|NULL");
  CHECK(world.look("DROP TABLE " + table) == "");
}

TEST_CASE("TLS as the connection string says", "[postgresql][needs-postgres]") {
  const char* folder = std::getenv("MECHA_TEST_TLS_DIR");
  REQUIRE(folder != nullptr);
  const auto uses_tls = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
  CHECK(World({.connection = Secret(server() + "?sslmode=disable")}).look(uses_tls) == "f");
  CHECK(World({.connection = Secret(server() + "?sslmode=require")}).look(uses_tls) == "t");
  CHECK(World({.connection = Secret(server() + "?sslmode=verify-full&sslrootcert=" + folder + "/ca.crt")}).look(uses_tls) == "t");
  ConnectionSettings settings{.connection = Secret(server() + "?sslmode=verify-ca")};
  settings.root_certificate = std::string(folder) + "/ca.crt";
  CHECK(World(settings).look(uses_tls) == "t");
  settings.root_certificate = std::string(folder) + "/client.crt";
  CHECK_THAT(World(settings).look(uses_tls), Catch::Contains("certificate verify failed"));
}

TEST_CASE("who cannot connect is told why, without the password", "[postgresql][needs-postgres]") {
  const auto refused = World({.connection = Secret("postgres://u:secret@127.0.0.1:1/d")}).look("SELECT 1");
  CHECK_THAT(refused, Catch::StartsWith("failed to connect to `user=") && Catch::Contains("Connection refused") && !Catch::Contains("secret"));
  auto settings = with([](ConnectionSettings& s) { s.password = Secret("wrong"); });
  CHECK_THAT(World(settings).look("SELECT 1"), Catch::Contains("password authentication failed"));
  CHECK_THAT(World({.connection = Secret("host=no-such-host.invalid")}).look("SELECT 1"), Catch::Contains("no such host"));
  // The second of two addresses is taken where the first refuses.
  auto second = text::replace_all(server(), "@", "@127.0.0.1:1,");
  CHECK(World({.connection = Secret(second)}).look("SELECT 1") == "1");
}

TEST_CASE("a pool that closes ends what is under way", "[postgresql][needs-postgres]") {
  World world;
  int done = 0;
  std::optional<Result<void>> ended;
  asio::co_spawn(world.shards.context(0), sleep_in(world.pool.get(), &done, "SELECT pg_sleep(5)"), [&](std::exception_ptr, Result<void> r) { ended = std::move(r); });
  world.shards.context(0).restart();
  world.shards.context(0).run_for(20ms);
  testing::run(world.shards.context(0), world.pool->close());
  REQUIRE(testing::eventually([&] {
    world.shards.context(0).restart();
    world.shards.context(0).run_for(1ms);
    return ended.has_value();
  }));
  CHECK_FALSE(*ended);
  CHECK(done == 0);
  CHECK(world.look("SELECT 1") == "closed pool");
}
