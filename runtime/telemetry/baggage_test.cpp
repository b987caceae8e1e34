#include "runtime/telemetry/baggage.hpp"

#include <string>

#include "tests/catch.hpp"

namespace mecha::telemetry {
namespace {

std::string problem(std::string_view header) {
  const auto result = check_baggage(header);
  return result ? "" : result.error().message;
}

TEST_CASE("well formed baggage passes", "[baggage]") {
  for (const auto* header :
       {"", "k=v", "a=b,c=d", "a=b,c=d;p", "a=b;p=1;q = 2 , c = d", "a=", "a=b;", "a=%20x"}) {
    CHECK(problem(header) == "");
  }
}

TEST_CASE("each kind of malformed baggage has its text", "[baggage]") {
  CHECK(problem("foo") == "invalid baggage list-member: missing delimiter \"=\"");
  CHECK(problem("a b c") == "invalid baggage list-member: missing delimiter \"=\"");
  CHECK(problem("a=b,") == "invalid baggage list-member: missing delimiter \"=\"");
  CHECK(problem("=b") == "invalid key: \"\"");
  CHECK(problem("a b=c") == "invalid key: \"a b\"");
  CHECK(problem("k=a b") == "invalid value: \"a b\"");
  CHECK(problem("k=a\"b") == "invalid value: \"a\\\"b\"");
  CHECK(problem("k;;;=") == "invalid baggage list-member property: \"=\"");
  CHECK(problem("k=v;p q") == "invalid baggage list-member property: \"p q\"");
  CHECK(problem("k=%zz") == "invalid value: invalid URL escape \"%zz\"");
}

TEST_CASE("baggage is bounded", "[baggage]") {
  CHECK(problem("k=" + std::string(4096, 'x')) == "list-member too large: 4098");
  CHECK(problem(std::string(8193, 'x')) == "baggage-string too large: 8193");
  std::string many;
  for (int i = 0; i < 181; ++i) many += (many.empty() ? "k" : ",k") + std::to_string(i) + "=v";
  CHECK(problem(many) == "too many list-members in baggage-string: 181");
}

}  // namespace
}  // namespace mecha::telemetry
