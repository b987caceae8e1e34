// middleware.http.uppercase: the mapping, sequences cut apart, and directions.

#include "components/middleware/uppercase.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/middleware_suite.hpp"

namespace mecha::middleware {
void register_uppercase(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::middleware;
using conformance::MiddlewareBench;
using conformance::request_to;

namespace {

std::string upper(std::string_view text, std::size_t cut) {
  UpperCase transform;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += cut) out += transform.piece(text.substr(i, cut));
  return out + transform.end();
}

MiddlewareBench bench(MiddlewareBench::Settings settings = {}) {
  return {register_uppercase, "middleware.http.uppercase", std::move(settings)};
}

}  // namespace

TEST_CASE("text becomes upper case however it is cut", "[middleware][uppercase]") {
  const std::string text = "abc ß é ÿ ǆ ж ᾳ ⴀ 𐐨 \xff\xc3";
  for (const std::size_t cut : {1UL, 2UL, 3UL, 100UL}) CHECK(upper(text, cut) == "ABC ß É Ÿ Ǆ Ж ᾼ Ⴀ 𐐀 \xff\xc3");
  CHECK(upper("a\xe2(b", 1) == "A\xe2(B");
}

TEST_CASE("middleware.http.uppercase keeps the contract of middleware", "[middleware][uppercase]") {
  auto upper_case = bench();
  conformance::middleware(upper_case, request_to("/x", "POST"), {});
}

TEST_CASE("the direction says which bodies change, and its name is compared exactly", "[middleware][uppercase]") {
  const auto changes = [](MiddlewareBench::Settings settings) {
    auto one = bench(std::move(settings));
    REQUIRE(one.start_error() == "");
    const auto got = one.enter(request_to("/x"));
    return std::pair(got.step.request_body != nullptr, got.step.answer_body != nullptr);
  };
  CHECK(changes({}) == std::pair(true, false));
  CHECK(changes({{"direction", "response"}}) == std::pair(false, true));
  CHECK(changes({{"direction", "both"}}) == std::pair(true, true));
  CHECK(changes({{"direction", "sideways"}}) == std::pair(true, false));
  CHECK(changes({{"Direction", "both"}}) == std::pair(true, false));
}
