#include "runtime/base/list_flag.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using List = std::vector<std::string>;

TEST_CASE("a list flag has items with commas between, and quotes around what has some", "[base]") {
  CHECK(split_list_flag("") == List{});
  CHECK(split_list_flag("a,b") == List{"a", "b"});
  CHECK(split_list_flag(",a,") == List{"", "a", ""});
  CHECK(split_list_flag(R"("a,b",c)") == List{"a,b", "c"});
  CHECK(split_list_flag(R"("a ""b"", c")") == List{R"(a "b", c)"});
  CHECK(split_list_flag(R"("")") == List{""});
  CHECK_FALSE(split_list_flag(R"("a,b)"));
}

TEST_CASE("an item of a list flag is read as it was written", "[base]") {
  for (const std::string item : {" ", "/plain/path", "/with,comma", "/with\"quote", "\"", "\"\"", "a\"\",b", ",", "a\nb", "a\r\nb", "\r", "\n", "\",\"\n"}) CHECK(split_list_flag(list_flag_item(item)) == List{item});
  CHECK(list_flag_item("/plain/path") == "/plain/path");
  CHECK(list_flag_item("a\nb") == "\"a\nb\"");  // else a reader of CSV takes it for two records
  CHECK(list_flag_item("a\r") == "\"a\r\"");
}
