// The driver of SQLite: what shares a transaction, what is undone, what a reader sees.

#include "components/sqlite/connection_string.hpp"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <latch>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::sqlite;
using namespace std::chrono_literals;

namespace {

class Bench {
 public:
  Bench() {
    std::string name = std::filesystem::temp_directory_path() / "mecha_sqlite_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    open();
    REQUIRE(run(db->execute("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER)")).has_value());
  }
  ~Bench() {
    db.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    db.reset();
    db = run(Database::open(parse_connection_string(folder_ + "/t.db").value())).value();
  }

  template <class T>
  T run(asio::awaitable<T> work) {
    return testing::run(context, std::move(work));
  }
  std::int64_t count() {
    return run(db->query("SELECT count(*) FROM t")).value().front().integer(0);
  }

  std::string file() const { return folder_ + "/t.db"; }

  asio::io_context context;
  std::unique_ptr<Database> db;

 private:
  std::string folder_;
};

asio::awaitable<void> let_go(Connection& holder) {
  co_await sleep_for(50ms);
  holder.rollback();
}

// A write that is cancelled while `holder` has the lock, and stays.
asio::awaitable<void> write_and_let(Database& db, Connection& holder) {
  using namespace asio::experimental::awaitable_operators;
  auto write = within(5ms, db.execute("INSERT INTO t VALUES ('9', 9)", {}, Caller::stays));
  (void)co_await (std::move(write) && let_go(holder));
}

Async<std::unique_ptr<Database>> open_and_let(DatabaseOptions options, Connection& holder) {
  using namespace asio::experimental::awaitable_operators;
  auto opened = co_await (Database::open(std::move(options)) && let_go(holder));
  co_return opened;
}

asio::awaitable<void> insert(Database& db, int i, std::atomic<int>* done) {
  const auto result = co_await db.execute("INSERT INTO t VALUES (?, ?)", {std::to_string(i), std::int64_t{i}});
  if (result) ++*done;
}

std::string uri(std::string_view text, bool disable_wal = false) {
  const auto options = parse_connection_string(text, disable_wal);
  if (!options) return "error: " + options.error().message;
  return options->connection.uri + " " + options->connection.journal_mode + (options->single ? " single" : "");
}

}  // namespace

TEST_CASE("rows keep their types", "[sqlite]") {
  Bench bench;
  const std::string bytes("a\0b", 3);
  CHECK(bench.run(bench.db->execute("INSERT INTO t VALUES (?, ?)", {bytes, std::int64_t{1} << 40})).value() == 1);
  const auto rows = bench.run(bench.db->query("SELECT k, v, NULL, 1.5 FROM t")).value();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].text(0) == bytes);
  CHECK(rows[0].integer(1) == std::int64_t{1} << 40);
  CHECK(rows[0].is_null(2));
  CHECK(rows[0].text(3) == "1.5");
}

TEST_CASE("many callers are answered once their rows are there for good", "[sqlite]") {
  Bench bench;
  std::atomic<int> done = 0;
  for (int i = 0; i < 300; ++i) asio::co_spawn(bench.context, insert(*bench.db, i, &done), asio::detached);
  bench.context.restart();
  bench.context.run();
  CHECK(done == 300);
  bench.open();
  CHECK(bench.count() == 300);
}

TEST_CASE("a failure is undone by itself", "[sqlite]") {
  Bench bench;
  const auto two = [](Connection& connection) -> Result<void> {
    MECHA_TRY(const auto one, connection.execute("INSERT INTO t VALUES ('a', 1)"));
    CHECK(one == 1);
    return fail(Code::aborted, "changed my mind");
  };
  CHECK(bench.run(bench.db->write<void>(two)).error().message == "changed my mind");
  CHECK(bench.count() == 0);
  CHECK(bench.run(bench.db->execute("INSERT INTO t VALUES ('a', 1)")).has_value());
  const auto twice = bench.run(bench.db->execute("INSERT INTO t VALUES ('a', 2)"));
  REQUIRE_FALSE(twice.has_value());
  CHECK_THAT(twice.error().message, Catch::Contains("UNIQUE constraint failed: t.k"));
  CHECK(bench.count() == 1);
}

TEST_CASE("work whose transaction is lost is told so", "[sqlite]") {
  Bench bench;
  // Ends the transaction under its own feet, as a full disk would.
  const auto breaks = [](Connection& connection) -> Result<void> {
    MECHA_TRY(const auto one, connection.execute("INSERT INTO t VALUES ('b', 1)"));
    CHECK(one == 1);
    connection.rollback();
    return {};
  };
  CHECK_FALSE(bench.run(bench.db->write<void>(breaks)).has_value());
  CHECK(bench.count() == 0);
  CHECK(bench.run(bench.db->execute("INSERT INTO t VALUES ('c', 1)")).has_value());
  CHECK(bench.count() == 1);
}

TEST_CASE("a reader cannot write", "[sqlite]") {
  Bench bench;
  CHECK_FALSE(bench.run(bench.db->query("INSERT INTO t VALUES ('a', 1)")).has_value());
  CHECK(bench.count() == 0);
}

TEST_CASE("a migration is all or nothing", "[sqlite]") {
  Bench bench;
  const auto half = [](Connection& connection) -> Result<void> {
    MECHA_TRY_VOID(connection.script("CREATE TABLE other (k TEXT)"));
    return connection.script("nonsense");
  };
  CHECK_FALSE(bench.run(bench.db->migrate(half)).has_value());
  CHECK_FALSE(bench.run(bench.db->query("SELECT * FROM other")).has_value());
}

TEST_CASE("connection strings", "[sqlite]") {
  CHECK(uri("/a/b.db") == "file:/a/b.db WAL");
  CHECK(uri("FILE:b.db?mode=rwc&_txlock=deferred") == "FILE:b.db?mode=rwc WAL");
  CHECK(uri(":memory:") == "file::memory: MEMORY single");
  CHECK(uri("file:x?mode=memory&cache=shared") == "file:x?mode=memory&cache=shared MEMORY single");
  CHECK(uri("b.db", true) == "file:b.db DELETE single");
  CHECK(uri("b.db?mode=ro") == "file:b.db?mode=ro  single");
  CHECK(uri("b.db?_txlock=foo") == "error: unknown _txlock \"foo\"");
  CHECK_FALSE(parse_connection_string("b.db?_txlock=Deferred", false)->connection.immediate);
  CHECK(uri("b.db?_pragma=Busy_Timeout(5)") == "error: found forbidden option '_pragma=busy_timeout' in the connection string");
  CHECK(parse_connection_string("b.db?_pragma=synchronous(1)")->connection.pragmas == std::vector<std::string>{"synchronous(1)"});
}

TEST_CASE("a new file is opened while another process is about to write to it", "[sqlite]") {
  Bench bench;
  const auto file = bench.file() + "2";
  const auto other = Connection::open({.uri = "file:" + file, .busy_timeout = 0ms, .journal_mode = {}, .pragmas = {}});
  REQUIRE(other);
  REQUIRE((*other)->begin());  // IMMEDIATE: readers come in, and none of them becomes a writer
  auto options = parse_connection_string(file).value();
  options.connection.busy_timeout = 1min;
  const auto opened = bench.run(open_and_let(std::move(options), **other));
  INFO((opened ? "" : opened.error().message));
  CHECK(opened);
}

TEST_CASE("a read that nobody waits for is interrupted", "[sqlite]") {
  Bench bench;
  const std::string endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  const auto cut = bench.run(within(20ms, bench.db->query(endless)));
  REQUIRE_FALSE(cut);
  CHECK(cut.error().failure == Failure::timeout);
  CHECK(bench.count() == 0);  // the same thread answers
}

TEST_CASE("a read is cut even if nobody waits for it when its statement begins", "[sqlite]") {
  Bench bench;
  std::latch left{1}, done{1};
  Result<std::vector<Row>> read;
  Database::Work<void> work = [&](Connection& connection) -> Result<void> {
    left.wait();
    read = connection.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000000) SELECT max(i) FROM n");
    done.count_down();
    return {};
  };
  REQUIRE_FALSE(bench.run(within(20ms, bench.db->read<void>(std::move(work)))));
  left.count_down();
  done.wait();
  REQUIRE_FALSE(read);
  CHECK_THAT(read.error().message, Catch::Contains("interrupted"));
  CHECK(bench.count() == 0);  // the next is not
}

TEST_CASE("a write that nobody waits for any more does not hold the writer at a lock", "[sqlite]") {
  Bench bench;
  auto options = parse_connection_string(bench.file()).value();
  options.connection.busy_timeout = 1min;
  auto database = bench.run(Database::open(options)).value();
  const auto other = Connection::open({.uri = "file:" + bench.file(), .busy_timeout = 0ms, .journal_mode = {}, .pragmas = {}});
  REQUIRE(other);
  REQUIRE((*other)->begin(true));
  REQUIRE_FALSE(bench.run(within(20ms, database->execute("INSERT INTO t VALUES ('a', 1)"))));
  const auto begun = std::chrono::steady_clock::now();
  database.reset();
  CHECK(std::chrono::steady_clock::now() - begun < 30s);
  (*other)->rollback();
  CHECK(bench.count() == 0);
}

TEST_CASE("who waits for the lock of another process gives up, and what was not begun is not done", "[sqlite]") {
  Bench bench;
  const auto other = Connection::open({.uri = "file:" + bench.file(), .busy_timeout = 0ms, .journal_mode = {}, .pragmas = {}});
  REQUIRE(other);
  REQUIRE((*other)->begin(true));
  const auto write = [&](int i) {
    std::function<Result<std::int64_t>(Connection&)> work = [i](Connection& connection) {
      return connection.execute("INSERT INTO t VALUES (?, ?)", {std::to_string(i), std::int64_t{i}});
    };
    return bench.run(within(20ms, bench.db->write<std::int64_t>(std::move(work), Atomic::statement)));
  };
  for (int i = 1; i <= 3; ++i) {
    const auto left = write(i);
    REQUIRE_FALSE(left);
    CHECK(left.error().failure == Failure::timeout);
  }
  (*other)->rollback();
  CHECK(bench.run(bench.db->execute("INSERT INTO t VALUES ('after', 0)")) == 1);
  CHECK(bench.count() <= 2);  // the first was under way
  REQUIRE((*other)->begin(true));
  bench.run(write_and_let(*bench.db, **other));
  CHECK(bench.run(bench.db->query("SELECT v FROM t WHERE k = '9'")).value().size() == 1);
}
