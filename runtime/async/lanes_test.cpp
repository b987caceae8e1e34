#include "runtime/async/lanes.hpp"

#include <vector>

#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace std::chrono_literals;

namespace {

struct Log {
  std::vector<std::string> events;
  int running = 0, most = 0;
};

asio::awaitable<void> step(Log& log, std::string name, std::chrono::milliseconds time) {
  log.events.push_back("+" + name);
  log.most = std::max(log.most, ++log.running);
  const bool whole = co_await sleep_for(time);
  --log.running;
  if (whole) log.events.push_back("-" + name);
}

Lanes::Work work(Log& log, std::string name, std::chrono::milliseconds time) {
  return [&log, name, time]() { return step(log, name, time); };
}

}  // namespace

TEST_CASE("work of one key is in order, work of different keys runs at once", "[async]") {
  asio::io_context context;
  Lanes lanes(context.get_executor(), 8);
  Log log;
  const std::string a = "a", b = "b";
  lanes.push(&a, work(log, "a1", 20ms));
  lanes.push(&a, work(log, "a2", 1ms));
  lanes.push(&b, work(log, "b1", 1ms));
  testing::run(context, lanes.below(1));
  CHECK(log.events == std::vector<std::string>{"+a1", "+b1", "-b1", "-a1", "+a2", "-a2"});
  testing::run(context, lanes.close(0s));
}

TEST_CASE("the limit on work at once holds, and a busy key does not starve others", "[async]") {
  asio::io_context context;
  Lanes lanes(context.get_executor(), 1);
  Log log;
  const std::string a = "a", b = "b";
  for (int i = 0; i < 3; ++i) lanes.push(&a, work(log, "a", 1ms));
  lanes.push(&b, work(log, "b", 1ms));
  lanes.push(nullptr, work(log, "n", 1ms));
  testing::run(context, lanes.below(1));
  CHECK(log.most == 1);
  CHECK(log.events[2] == "+b");
  CHECK(log.events[4] == "+n");
  testing::run(context, lanes.close(0s));
}

TEST_CASE("work without a key runs at once", "[async]") {
  asio::io_context context;
  Lanes lanes(context.get_executor(), 8);
  Log log;
  for (int i = 0; i < 4; ++i) lanes.push(nullptr, work(log, "n", 5ms));
  testing::run(context, lanes.below(1));
  CHECK(log.most == 4);
  testing::run(context, lanes.close(0s));
}

TEST_CASE("closing lets work end within the grace and cancels the rest", "[async]") {
  asio::io_context context;
  Lanes lanes(context.get_executor(), 1);
  Log log;
  const std::string a = "a";
  lanes.push(&a, work(log, "quick", 1ms));
  lanes.push(&a, work(log, "slow", 10s));
  lanes.push(&a, work(log, "never", 1ms));
  testing::run(context, lanes.close(50ms));
  CHECK(log.events == std::vector<std::string>{"+quick", "-quick", "+slow"});
  CHECK(lanes.pending() == 0);
  CHECK_FALSE(lanes.push(&a, work(log, "late", 1ms)));
}

TEST_CASE("finishing lets all of it end, or joins it where the caller is cancelled", "[async]") {
  asio::io_context context;
  Log log;
  const std::string a = "a";
  Lanes whole(context.get_executor(), 1);
  whole.push(&a, work(log, "1", 1ms));
  whole.push(&a, work(log, "2", 1ms));
  testing::run(context, whole.finish());
  CHECK(log.events == std::vector<std::string>{"+1", "-1", "+2", "-2"});
  CHECK_FALSE(whole.push(&a, work(log, "late", 1ms)));

  Lanes cut(context.get_executor(), 1);
  cut.push(&a, work(log, "slow", 10s));
  cut.push(&a, work(log, "never", 1ms));
  const auto finish = [](Lanes* lanes) -> Async<void> {
    co_await lanes->finish();
    co_return Result<void>{};
  };
  CHECK_FALSE(testing::run(context, within(5ms, finish(&cut))).has_value());
  CHECK(log.running == 0);
  CHECK(log.events.back() == "+slow");
}
