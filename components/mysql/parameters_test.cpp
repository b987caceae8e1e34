#include "components/mysql/parameters.hpp"

#include "tests/catch.hpp"

using mecha::mysql::with_values;

TEST_CASE("values of MySQL stand where the question marks are", "[mysql]") {
  CHECK(with_values("a = ? AND b = ?", {"1", "'x?'"}).value() == "a = 1 AND b = 'x?'");
  CHECK(with_values("SELECT '?'", {}).value() == "SELECT '?'");
  CHECK(with_values("SELECT '?', \"?\\\"?\", `?`, 'it''s ?', '\\'?' = ?", {"1"}).value() == "SELECT '?', \"?\\\"?\", `?`, 'it''s ?', '\\'?' = 1");
  CHECK(with_values("-- ?\n? # ?\n /* ? */ 5--?", {"1", "2"}).value() == "-- ?\n1 # ?\n /* ? */ 5--2");
  CHECK(with_values("?, '?", {"1"}).value() == "1, '?");
  CHECK(with_values("?", {"1", "2"}).error().message == "sql: expected 1 arguments, got 2");
  CHECK(with_values("?, ?", {"1"}).error().message == "sql: expected 2 arguments, got 1");
}
