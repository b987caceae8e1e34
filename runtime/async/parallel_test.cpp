// Work by index, so many at once.

#include "runtime/async/parallel.hpp"

#include <algorithm>

#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace std::chrono_literals;

namespace {

struct Load {
  int now = 0, most = 0, done = 0;
};

asio::awaitable<void> step(Load* load) {
  load->most = std::max(load->most, ++load->now);
  co_await sleep_for(1ms);
  --load->now;
  ++load->done;
}

asio::awaitable<void> forever(Load* load) {
  ++load->now;
  co_await sleep_for(1h);
  ++load->done;
}

Async<void> all(std::size_t count, std::size_t limit, IndexedWork work) {
  co_await for_each_parallel(count, limit, std::move(work));
  co_return Result<void>{};
}

}  // namespace

TEST_CASE("never more run at once than the limit allows", "[async][parallel]") {
  asio::io_context context;
  for (const std::size_t limit : {1, 3, 100}) {
    Load load;
    REQUIRE(testing::run(context, all(20, limit, [&](std::size_t) { return step(&load); })).has_value());
    CHECK(load.done == 20);
    CHECK(load.most == std::min<int>(static_cast<int>(limit), 20));
  }
  Load none;
  CHECK(testing::run(context, all(0, 5, [&](std::size_t) { return step(&none); })).has_value());
}

TEST_CASE("cancelling ends all that run", "[async][parallel]") {
  asio::io_context context;
  Load load;
  const auto late = testing::run(
      context, within(5ms, all(10, 4, [&](std::size_t) { return forever(&load); }))
  );
  CHECK_FALSE(late.has_value());
  CHECK(load.now == 4);
  CHECK(load.done <= 4);
}
