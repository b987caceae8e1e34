// Documents of BSON: what goes in comes out, and what cannot go in is told.

#include <utility>

#include "components/mongodb/document.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using mongodb::Document;

namespace {

json::Value parsed(std::string_view text) { return json::parse(text).value(); }
std::string back(std::string_view text) { return json::write(Document().json("v", parsed(text)).as_json("v").value()); }

}  // namespace

TEST_CASE("a document gives back what was put into it", "[mongodb]") {
  Document document;
  document.text("text", std::string("a\0\xff", 3)).date("date", -1500).number("number", 1LL << 40).null("null").boolean("yes", true);
  REQUIRE(document.check());
  CHECK(document.as_text("text") == std::string("a\0\xff", 3));
  CHECK(document.as_date("date") == -1500);
  CHECK(document.as_number("number") == 1LL << 40);
  CHECK(document.has("null"));
  CHECK_FALSE(document.has("none"));
  CHECK_FALSE(document.as_text("date"));
  CHECK_FALSE(document.as_date("text"));
  CHECK_FALSE(document.as_number("text"));
  const Document copy = document;
  const Document moved = std::move(document);
  CHECK(copy.as_number("number") == moved.as_number("number"));
}

TEST_CASE("JSON goes through a document unchanged", "[mongodb]") {
  for (const auto* text : {R"({"a":"<é>","b":[1.5,true,null,{}],"c":{"d":[]}})", "1", "-7", "1e+21", "null", "false", "[[1],[2]]", R"({"":"x"})", R"({"$a":1,"a.b":2})"}) {
    CHECK(back(text) == json::write(parsed(text)));
  }
  // No JSON: as relaxed Extended JSON has it.
  CHECK(json::write(Document().date("v", 0).as_json("v").value()) == R"({"$date":"1970-01-01T00:00:00Z"})");
  CHECK(Document().as_json("v").value().is_null());
}

TEST_CASE("a document tells what BSON cannot hold", "[mongodb]") {
  CHECK(Document().json("v", parsed(R"({"a\u0000b":1})")).check().error().message == "the value of \"v\" cannot be stored: it is too large, too deep, or has a name with a NUL");
  std::string deep(101, '['), shallow(99, '[');
  deep.append(101, ']');
  shallow.append(99, ']');
  CHECK_FALSE(Document().json("v", parsed(deep)).check());
  CHECK(back(shallow) == shallow);
  Document inner;
  inner.json("v", parsed(deep));
  CHECK_FALSE(Document().document("outer", inner).check());
  CHECK_FALSE(Document().array("outer", {inner}).check());
}
