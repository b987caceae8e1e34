#include "cli/proc.hpp"

#include <unistd.h>

#include "tests/catch.hpp"

namespace mecha::cli {
namespace {

TEST_CASE("a line of stat is read behind a name of any form", "[cli]") {
  const std::string rest = " S 1 42 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 12 34\n";
  for (const std::string name : {"(sh)", "(a b)", "(x) R 9 9 (y)"}) {
    const auto stat = parse_stat("17 " + name + rest);
    REQUIRE(stat);
    CHECK(stat->state == 'S');
    CHECK(stat->parent == 1);
    CHECK(stat->group == 42);
    CHECK(stat->started == 98765);
  }
  for (const std::string bad : {"", "17 (sh", "17 (sh)", "17 (sh) S 1 42", "17 (sh) S 1 x 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765"}) CHECK_FALSE(parse_stat(bad));
}

TEST_CASE("a process that runs has a stat, and one that is not there has none", "[cli]") {
  const auto own = stat_of("/proc/self");
  REQUIRE(own);
  CHECK(own->parent == ::getppid());
  CHECK(own->group == ::getpgrp());
  CHECK(own->started > 0);
  CHECK_FALSE(stat_of("/proc/0"));
  CHECK(text_of("/proc/0/comm").empty());
}

}  // namespace
}  // namespace mecha::cli
