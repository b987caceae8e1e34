#include "components/kafka/progress.hpp"

#include "tests/catch.hpp"

using mecha::kafka::Progress;
using namespace std::chrono_literals;

TEST_CASE("only what lies before the first unfinished record is stored", "[kafka]") {
  Progress progress("t", 0, 100);
  for (int offset : {5, 6, 7, 9}) progress.begin(offset);
  CHECK_FALSE(progress.finish(6).store.has_value());
  CHECK(progress.finish(5).store == 7);
  CHECK_FALSE(progress.finish(9).store.has_value());
  CHECK(progress.finish(7).store == 10);
  CHECK_FALSE(progress.finish(7).store.has_value());
}

TEST_CASE("an abandoned record holds back all that follow it", "[kafka]") {
  Progress progress("t", 0, 100);
  progress.begin(1);
  progress.begin(2);
  progress.abandon(1);
  CHECK_FALSE(progress.finish(2).store.has_value());
  CHECK(progress.wait_idle(std::chrono::steady_clock::now()));
}

TEST_CASE("a partition pauses at its limit and goes on at half of it", "[kafka]") {
  Progress progress("t", 0, 4);
  CHECK_FALSE(progress.begin(0));
  CHECK_FALSE(progress.begin(1));
  CHECK_FALSE(progress.begin(2));
  CHECK(progress.begin(3));
  CHECK_FALSE(progress.begin(4));
  CHECK_FALSE(progress.finish(0).resume);
  CHECK_FALSE(progress.finish(1).resume);
  CHECK(progress.finish(2).resume);
  CHECK_FALSE(progress.finish(3).resume);
}

TEST_CASE("waiting for the end of the work gives up at its limit", "[kafka]") {
  Progress progress("t", 0, 4);
  progress.begin(0);
  CHECK_FALSE(progress.wait_idle(std::chrono::steady_clock::now() + 5ms));
  progress.finish(0);
  CHECK(progress.wait_idle(std::chrono::steady_clock::now()));
}
