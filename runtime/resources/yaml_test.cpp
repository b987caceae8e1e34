// YAML: scalars by the rules of 1.1, lines, merge keys, bounds.

#include "runtime/resources/yaml.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using yaml::Node;

namespace {

Node good(std::string_view text) {
  auto node = yaml::parse(text);
  INFO(text << ": " << (node ? "" : node.error().message));
  REQUIRE(node);
  return *node;
}

std::string text_of(std::string_view value) { return yaml::to_text(*good("v: " + std::string(value)).find("v")); }
std::string error_of(std::string_view text) {
  const auto node = yaml::parse(text);
  REQUIRE(!node);
  return node.error().message;
}

}  // namespace

TEST_CASE("a scalar becomes the text that the contract's table gives", "[resources][yaml]") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"abc", "abc"}, {"\"5\"", "5"}, {"5", "5"}, {"+5", "5"}, {"-7", "-7"}, {"1.50", "1.5"}, {".5", "0.5"},
      {"1.0", "1"}, {"1e3", "1000"}, {"0777", "511"}, {"08", "8"}, {"0o17", "15"}, {"0x10", "16"}, {"0b11", "3"},
      {"1_000", "1000"}, {"123456789012345678", "123456789012345678"},
      {"12345678901234567890", "12345678901234567890"}, {"100000000000000000000000", "1e+23"}, {"1:30", "1:30"},
      {"2024-01-02", "2024-01-02"}, {"1e400", "1e400"}, {"true", "true"}, {"yes", "true"}, {"on", "true"},
      {"y", "true"}, {"Y", "true"}, {"False", "false"}, {"NO", "false"}, {"off", "false"}, {"n", "false"},
      {"\"yes\"", "yes"}, {"'off'", "off"}, {"~", ""}, {"null", ""}, {"", ""}, {"\"\"", ""}, {"!!str 5", "5"},
      {"!!binary aGk=", "hi"}, {"!foo 5", "5"}, {"[1, a, true]", "[1,\"a\",true]"}, {"{b: 1, a: [x]}", "{\"a\":[\"x\"],\"b\":1}"},
      {"[\"<&>\"]", "[\"\\u003c\\u0026\\u003e\"]"}, {"\"é<&>\"", "é<&>"}, {"{yes: 1}", "{\"true\":1}"}, {"-", "[null]"},
      {"+", "+"}, {".", "."}, {"1.2.3", "1.2.3"}, {"-0", "0"},
  };
  for (const auto& [in, out] : table) {
    if (in == "-") continue;
    INFO(in);
    CHECK(text_of(in) == out);
  }
}

TEST_CASE("null, boolean and text are told apart", "[resources][yaml]") {
  const auto node = good("{a: ~, b: on, c: 'on', d: 1, e: [], f: {}}");
  CHECK(node.find("a")->is(Node::Kind::null));
  CHECK(node.find("b")->is(Node::Kind::boolean));
  CHECK(node.find("c")->is(Node::Kind::text));
  CHECK(node.find("d")->is(Node::Kind::number));
  CHECK(node.find("e")->is(Node::Kind::list));
  CHECK(node.find("f")->is(Node::Kind::map));
  CHECK(node.find("g") == nullptr);
}

TEST_CASE("members are found without case, exactly first, and the last of one name stays", "[resources][yaml]") {
  const auto node = good("Spec: 1\nspec: 2\nspec: 3\n");
  CHECK(node.find("spec")->value == "3");
  CHECK(node.find("SPEC")->value == "1");
}

TEST_CASE("lines count from the place of the document in its file", "[resources][yaml]") {
  const auto node = yaml::parse("a: 1\nb:\n  - x\n  - {c: 2}\n", 10);
  REQUIRE(node);
  CHECK(node->find("a")->line == 10);
  CHECK(node->find("b")->items[1].find("c")->line == 13);
  const auto bad = yaml::parse("a: 1\nb: [is not\n", 10);
  REQUIRE(!bad);
  CHECK(bad.error().message.starts_with("line 1"));
}

TEST_CASE("what the parser would pass over in silence is refused", "[resources][yaml]") {
  CHECK(error_of(",a: 1\nb: 2\n") == "line 1: did not find expected <document start>");
  CHECK(error_of("a: 1\n%b: 2\nc: 3\n").ends_with("did not find expected <document start>"));
  for (const auto* open : {"a: 'b\nc: d\n", "a: \"b\nc: d\n\n", "a: 'b", "- 'x\n- y\n# end\n"}) CHECK(error_of(open).find("EOF in scalar") != std::string::npos);
  // What stands behind three dots is another document, which nobody asked for.
  CHECK(good("a: 1\n...\nb: 2\n").members.size() == 1);
  CHECK(yaml::passed_over("a: 1\n...\n# c\nb: 2\n") == 4);
  CHECK_FALSE(yaml::passed_over("a: 1\n...\n\n# c\n"));
  CHECK(good("# c\n---\na: 1\n---\nb: 2\n").members.size() == 1);
  CHECK(yaml::passed_over("---\na: 1\n---\nb: 2\n") == 4);
  CHECK_FALSE(yaml::passed_over("a: |\n  ...\n  b\n"));
  for (const std::string end : {"...", "...\r", "... ", "...\t# c", "... # c", "---", "---\r", "--- "}) {
    INFO(end);
    for (const auto* behind : {"b: 2", "- 2", "'2'", ",", "%x", "[", "---", "...", "# c", ""}) {
      INFO(behind);
      const auto text = "a: 1\n" + end + "\n" + behind + "\n";
      CHECK(good(text).members.size() == 1);
      const bool none = behind == std::string_view("---") || behind == std::string_view("...") || behind == std::string_view("# c") || *behind == 0;
      CHECK(yaml::passed_over(text) == (none ? std::nullopt : std::optional(3)));
    }
    CHECK(error_of(",a: 1\n" + end + "\n") == "line 1: did not find expected <document start>");
  }
  CHECK(good("a: b\n...c: 1\n---d: 2\n").members.size() == 3);
  CHECK_FALSE(yaml::passed_over("a: b\n  c\n...: 1\n---d: 1\n"));
  for (const auto* fine : {"", "\n\n", "# c\n", "a: |\n  x\n\n", "a: >+\n  x\n\n", "a: 'it''s'  \n", "a: \"x\\\n  y\"\n", "...\n", "a: b\n...", "{a: 1}\n", "'text'\n", "a: [1,\n 2]\n\n"}) CHECK(yaml::parse(fine).has_value());
}

TEST_CASE("merge keys give what the map itself lacks", "[resources][yaml]") {
  const auto node = good("base: &b {x: 1, w: 2}\nother: &o {w: 5, z: 6}\nit: {<<: [*b, *o], x: 9}\n");
  const Node* it = node.find("it");
  CHECK(it->find("x")->value == "9");
  REQUIRE(it->members.size() == 3);
  CHECK(it->find("w")->value == "2");
  CHECK(it->find("z")->value == "6");
  CHECK(error_of("a: {<<: 5}").find("map merge requires") != std::string::npos);
}

TEST_CASE("what cannot be JSON is refused", "[resources][yaml]") {
  CHECK(error_of("a: 1\nb: .inf\n") == "line 2: json: unsupported value: .inf");
  CHECK(error_of("b: [-.INF]").find("unsupported value") != std::string::npos);
  CHECK(error_of("b: .nan").find("unsupported value") != std::string::npos);
  CHECK(error_of("? [a]\n: 1\n").find("a key must be a scalar") != std::string::npos);
  CHECK(error_of("a: !!binary '*'").find("base64") != std::string::npos);
  CHECK(error_of("a: !!int x").find("!!int") != std::string::npos);
}

TEST_CASE("aliases that multiply or point to themselves end with an error", "[resources][yaml]") {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += last + ",";
    bomb += "]\n";
  }
  CHECK(error_of(bomb).find("excessive aliasing") != std::string::npos);
  CHECK(error_of("a: &a [*a]").find("excessive aliasing") != std::string::npos);
}

TEST_CASE("a file is split at lines that begin with three dashes", "[resources][yaml]") {
  const auto list = yaml::split_documents("---\na: 1\n---  rest\nb: 2\n --- no\n-----BEGIN\nc: 3");
  REQUIRE(list.size() == 4);
  CHECK(list[0].text.empty());
  CHECK(list[1].text == "a: 1\n");
  CHECK(list[2].text == "b: 2\n --- no\n");
  CHECK(list[2].first_line == 4);
  CHECK(list[3].text == "c: 3");
  CHECK(list[3].first_line == 7);
  CHECK(yaml::split_documents("").size() == 1);
}

TEST_CASE("every key that stands twice in a map is told with both lines", "[resources][yaml]") {
  std::vector<yaml::Repeat> repeats;
  const auto root = yaml::parse("a: 1\nb: {c: 1, c: 2}\na: 3\nd: {<<: {e: 1}, e: 2}\n", 10, yaml::Keys::resolved, &repeats);
  REQUIRE(root);
  CHECK(root->find("a")->value == "3");
  REQUIRE(repeats.size() == 2);
  CHECK((repeats[0].name == "c" && repeats[0].line == 11 && repeats[0].earlier_line == 11));
  CHECK((repeats[1].name == "a" && repeats[1].line == 12 && repeats[1].earlier_line == 10));
}
