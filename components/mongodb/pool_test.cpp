// Pool: calls that wait for a thread or a client, without any server; transactions on a replica set (MECHA_TEST_MONGODB_SET).

#include <cstdlib>
#include <deque>
#include <latch>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "components/mongodb/pool.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace std::chrono_literals;
using mongodb::Document;
using mongodb::Pool;
using mongodb::Session;

namespace {

std::unique_ptr<Pool> open(const std::string& parameters, std::chrono::milliseconds timeout) {
  auto opened = Pool::open({.uri = "mongodb://127.0.0.1:1/" + parameters, .database = "d", .collection = "c", .timeout = timeout});
  REQUIRE(opened);
  return *std::move(opened);
}

// Where callers wait. They outlive the pool, whose threads speak to them until they have ended.
using Callers = std::deque<asio::io_context>;

// `count` calls that have begun and end with this.
class Busy {
 public:
  Busy(Pool& pool, Callers& callers, int count) : begun_(count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, &pool, &context = callers.emplace_back()] {
        const auto done = testing::run(context, pool.run<int>([this](Session&) -> Result<int> {
          begun_.count_down();
          end_.wait();
          return 0;
        }), 60s);
        if (!done) begun_.count_down();  // the machine is too busy
      });
    }
    begun_.wait();
  }
  ~Busy() {
    end_.count_down();
    for (auto& thread : threads_) thread.join();
  }

 private:
  std::latch begun_, end_{1};
  std::vector<std::thread> threads_;
};

asio::awaitable<void> end_late(std::optional<Busy>& busy) {
  (void)co_await sleep_for(350ms);
  busy.reset();
}

Async<int> ask_until_idle(Pool& pool, std::optional<Busy>& busy) {
  using namespace asio::experimental::awaitable_operators;
  auto answer = co_await (pool.run<int>([](Session&) -> Result<int> { return 1; }) && end_late(busy));
  co_return std::move(answer);
}

Result<int> ask(asio::io_context& context, Pool& pool) {
  return testing::run(context, pool.run<int>([](Session&) -> Result<int> { return 1; }));
}

}  // namespace

TEST_CASE("a call to MongoDB that waited for too long for a thread is not begun", "[mongodb]") {
  asio::io_context context;
  Callers callers;
  const auto pool = open("", 300ms);
  CHECK(ask(context, *pool) == 1);
  std::optional<Busy> busy(std::in_place, *pool, callers, 8);
  const auto late = testing::run(context, ask_until_idle(*pool, busy));
  REQUIRE_FALSE(late);
  CHECK(late.error().failure == Failure::timeout);
  CHECK(ask(context, *pool) == 1);
}

TEST_CASE("a call to MongoDB for which no client is free in time fails", "[mongodb]") {
  asio::io_context context;
  Callers callers;
  const auto pool = open("?maxPoolSize=1&waitQueueTimeoutMS=1", 1min);
  {
    const Busy busy(*pool, callers, 1);
    const auto refused = ask(context, *pool);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Catch::Contains("waitQueueTimeoutMS"));
  }
  CHECK(ask(context, *pool) == 1);
}

// What a server refused is tried again for its own sake alone: the second attempt fails for another reason.
TEST_CASE("a transaction of MongoDB is tried again only for what its last attempt met", "[mongodb][needs-mongodb-set]") {
  const char* set = std::getenv("MECHA_TEST_MONGODB_SET");
  auto opened = Pool::open({.uri = set == nullptr ? "mongodb://127.0.0.1:27017/?replicaSet=rs0" : set, .database = "mecha_again", .collection = text::uuid()});
  REQUIRE(opened);
  const auto pool = *std::move(opened);
  asio::io_context context, other;
  const auto write = [](Session& session, const std::string& value) {
    return session.upsert(Document().text("_id", "k"), Document().document("$set", Document().text("value", value)));
  };
  CHECK(testing::run(context, pool->run<bool>([&](Session& session) { return write(session, "before"); })) == true);
  int attempts = 0;
  const auto done = testing::run(context, pool->run<void>([&](Session& session) {
    return session.transaction([&]() -> Result<void> {
      if (++attempts > 1) return fail(Code::aborted, "another reason");
      MECHA_TRY_VOID(session.remove(Document().text("_id", "none")));
      CHECK(testing::run(other, pool->run<bool>([&](Session& theirs) { return write(theirs, "meanwhile"); })) == true);
      MECHA_TRY_VOID(session.remove(Document().text("_id", "k")));
      return {};
    });
  }), 30s);
  REQUIRE_FALSE(done);
  CHECK(done.error().message == "another reason");
  CHECK(attempts == 2);
}
