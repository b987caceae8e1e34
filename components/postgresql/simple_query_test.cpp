#include "components/postgresql/simple_query.hpp"

#include "tests/catch.hpp"

using namespace mecha::postgresql;

TEST_CASE("values become literals of the text", "[postgresql]") {
  CHECK(with_values({.sql = "SELECT $1, $2-$1", .params = {std::int64_t{-1}, std::string("a'b\\")}}) == "SELECT (-1),  E'a''b\\\\'-(-1)");
  CHECK(with_values({.sql = "$1 $2", .params = {std::monostate(), Bytes{"\x01\xff"}}}) == " NULL   E'\\\\x01ff'");
  CHECK(with_values({.sql = "$3$0$", .params = {std::int64_t{1}}}) == "$3$0$");
}

TEST_CASE("what stands between quotes or in a comment is no parameter", "[postgresql]") {
  const Params one{std::int64_t{7}};
  CHECK(with_values({.sql = "'$1' $1", .params = one}) == "'$1' (7)");
  CHECK(with_values({.sql = "'it''s $1' $1", .params = one}) == "'it''s $1' (7)");
  CHECK(with_values({.sql = "E'\\'$1' $1", .params = one}) == "E'\\'$1' (7)");
  CHECK(with_values({.sql = "\"$1\" $1", .params = one}) == "\"$1\" (7)");
  CHECK(with_values({.sql = "-- $1\n$1 /* $1 */ $1", .params = one}) == "-- $1\n(7) /* $1 */ (7)");
  CHECK(with_values({.sql = "'$1", .params = one}) == "'$1");
}
