#include "cli/dotenv.hpp"

#include "tests/catch.hpp"

using namespace mecha::cli;

TEST_CASE("a file of variables: quotes, comments, export", "[cli]") {
  const auto all = parse_dotenv(
      "# first\n\nA=1\n export B = two words # why\nC=\"x\\n\\\"y\\\"\"\nD='$raw \\n # kept'\nE=\nF=a#b\r\nG=\"\"\nA=last\n", "x.env"
  );
  REQUIRE(all);
  CHECK(*parse_dotenv("\xef\xbb\xbf" "A=1", "x.env") == Variables{{"A", "1"}});
  CHECK(*all == Variables{{"A", "last"}, {"B", "two words"}, {"C", "x\n\"y\""}, {"D", "$raw \\n # kept"}, {"E", ""}, {"F", "a#b"}, {"G", ""}});
}

TEST_CASE("a line that cannot be a variable is refused with its place", "[cli]") {
  CHECK(parse_dotenv("A=1\noops\n", "x.env").error().message == "x.env:2: a line is NAME=value, got \"oops\"");
  CHECK(parse_dotenv("1A=1", "x.env").error().message == "x.env:1: \"1A\" is no name of a variable: letters, digits and _ are");
  CHECK(parse_dotenv("\nA=\"open", "x.env").error().message == "x.env:2: the value of A has a quote that is not closed on its line");
  CHECK(parse_dotenv("N=\"x\"y", "x.env").error().message == "x.env:1: the value of N has text behind its closing quote");
  CHECK(parse_dotenv(std::string("A=1\0", 4), "x.env").error().message.starts_with("x.env is no text file"));
  CHECK(parse_dotenv(std::string(5000, 'x'), "x.env").error().message.size() < 200);
}

TEST_CASE("a file of variables may be missing unless it was asked for", "[cli]") {
  CHECK(read_dotenv("/nowhere/.env", false)->empty());
  CHECK(read_dotenv("/nowhere/.env", true).error().message.starts_with("the file of variables /nowhere/.env cannot be read\n  remedy: "));
}
