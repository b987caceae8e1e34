#include "cli/console.hpp"

#include <vector>

#include "tests/catch.hpp"

using namespace mecha::cli;

namespace {

std::vector<std::string> cut(const std::vector<std::string>& pieces, bool finish = true) {
  LineCutter cutter;
  std::vector<std::string> lines;
  const auto take = [&lines](std::string_view line) { lines.emplace_back(line); };
  for (const auto& piece : pieces) cutter.add(piece, take);
  if (finish) cutter.finish(take);
  return lines;
}

}  // namespace

TEST_CASE("lines are whole however the bytes come", "[cli]") {
  CHECK(cut({"one\ntw", "o\n", "\nthree"}) == std::vector<std::string>{"one", "two", "", "three"});
  CHECK(cut({"a\r\nb"}, false) == std::vector<std::string>{"a"});
  CHECK(cut({}).empty());
}

TEST_CASE("a line that never ends comes in pieces", "[cli]") {
  const std::string longest(LineCutter::kLongest, 'x');
  CHECK(cut({longest + "yz\nq\n"}) == std::vector<std::string>{longest, "yz", "q"});
  CHECK(cut({longest}, false) == std::vector<std::string>{longest});
  CHECK(cut({longest + "\nz"}) == std::vector<std::string>{longest, "z"});
}

TEST_CASE("a prefix names who speaks, and a JSON line too", "[cli]") {
  CHECK(prefix_of("app", "orders") == "== APP - orders == ");
  CHECK(prefix_of("sidecar", "orders") == "== DAPR - orders == ");
  CHECK(json_line("app", "a", "say \"<x>\"\xff") == "{\"app\":\"a\",\"line\":\"say \\\"<x>\\\"\xEF\xBF\xBD\",\"source\":\"app\"}");
  CHECK(colour_of(0) != colour_of(1));
  CHECK(colour_of(0) == colour_of(6));
}
