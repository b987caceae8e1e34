// Pool: what waits too long for a connection (MECHA_TEST_MYSQL).

#include "components/mysql/pool.hpp"

#include <cstdlib>
#include <deque>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace std::chrono_literals;
using mysql::Connection;
using mysql::Pool;

namespace {

mysql::Options options() {
  const char* server = std::getenv("MECHA_TEST_MYSQL");
  REQUIRE(server != nullptr);
  auto dsn = mysql::parse_dsn(server);
  REQUIRE(dsn);
  return {.dsn = *std::move(dsn), .timeout = 1s};
}

Result<int> ask(asio::io_context& context, Pool& pool) {
  return testing::run(context, pool.run<int>([](Connection&) -> Result<int> { return 1; }), 60s);
}

// Where callers wait. They outlive the pool, whose threads speak to them until they have ended.
using Callers = std::deque<asio::io_context>;

// Holds all connections of `pool` until the end of its life.
class Busy {
 public:
  Busy(Pool& pool, Callers& callers) {
    for (int i = 0; i < kWorkers; ++i) {
      threads_.emplace_back([this, &pool, &context = callers.emplace_back()] {
        (void)testing::run(context, pool.run<int>([this](Connection&) -> Result<int> {
          begun_.count_down();
          end_.wait();
          return 0;
        }), 60s);
      });
    }
    begun_.wait();
  }
  ~Busy() {
    end_.count_down();
    for (auto& thread : threads_) thread.join();
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  static constexpr int kWorkers = 8;
  std::latch begun_{kWorkers}, end_{1};
  std::vector<std::thread> threads_;
};

asio::awaitable<void> end_late(std::optional<Busy>& busy) {
  (void)co_await sleep_for(1100ms);
  busy.reset();
}

Async<int> ask_until_idle(Pool& pool, std::optional<Busy>& busy) {
  using namespace asio::experimental::awaitable_operators;
  auto answer = co_await (pool.run<int>([](Connection&) -> Result<int> { return 1; }) && end_late(busy));
  co_return std::move(answer);
}

}  // namespace

TEST_CASE("a call to MySQL that waited for too long for a thread is not begun", "[mysql][needs-mysql]") {
  asio::io_context context;
  Callers callers;
  Pool pool(options());
  CHECK(ask(context, pool) == 1);
  std::optional<Busy> busy(std::in_place, pool, callers);
  const auto late = testing::run(context, ask_until_idle(pool, busy), 60s);
  REQUIRE_FALSE(late);
  CHECK(late.error().failure == Failure::timeout);
  CHECK(ask(context, pool) == 1);
}
