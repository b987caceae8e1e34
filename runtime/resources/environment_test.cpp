// Texts made from the environment: variables in configurations, templates, quotes, what `envRef` may read.

#include "runtime/resources/environment.hpp"

#include <map>

#include "tests/catch.hpp"

using namespace mecha;

namespace {

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

std::string filled(std::string text) {
  const auto result = fill_templates("p", std::move(text), {.app_id = "app", .name_space = "space", .pod_name = "pod-1"});
  REQUIRE(result);
  return *result;
}

}  // namespace

TEST_CASE("variables are expanded as a shell would, once", "[resources][environment]") {
  const auto env = environment({{"A", "1"}, {"LONG_2", "two"}, {"B", "$A"}});
  const auto expanded = [&](std::string_view text) { return expand_variables(text, env); };
  CHECK(expanded("a$A-${A}x-$LONG_2!") == "a1-1x-two!");
  CHECK(expanded("[$NONE]") == "[]");
  CHECK(expanded("$B") == "$A");
  CHECK(expanded("x$") == "x$");
  CHECK(expanded("\"x$\" $.") == "\"x$\" $.");
  CHECK(expanded("p$9q r$$s $#t") == "pq rs t");
  CHECK(expanded("${}a ${b") == "a b");
}

TEST_CASE("envRef may not read what is the runtime's own", "[resources][environment]") {
  const auto none = environment({});
  CHECK(may_read("PLAIN", none));
  CHECK(may_read("lower", none));
  for (const auto* name : {"DAPR_VALUE", "dapr_value", "APP_API_TOKEN", "app_api_token", "PLAIN ", "A B"}) {
    INFO(name);
    CHECK(!may_read(name, none));
  }
  const auto some = environment({{"DAPR_ENV_KEYS", "FIRST SECOND"}});
  CHECK(may_read("FIRST", some));
  CHECK(may_read("SECOND", some));
  CHECK(may_read("first", some));
  CHECK(!may_read("FIR", some));
  CHECK(!may_read("COND", some));
  CHECK(!may_read("THIRD", some));
}

TEST_CASE("a quoted literal loses its quotes", "[resources][environment]") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"\"q\"", "q"}, {"`t`", "t"}, {"'x'", "x"}, {"'xy'", "'xy'"}, {"'é'", "é"}, {"plain", "plain"}, {"\"", "\""},
      {"\"a\\nb\\x41\\101\\u00e9\"", "a\nbAAé"}, {"\"a\\q\"", "\"a\\q\""}, {"\"a\"b\"", "\"a\"b\""}, {"''", "''"},
      {"\"\"", ""}, {"`a`b`", "`a`b`"}, {"'\\''", "'"}, {"'\\n'", "\n"}, {"\"a\nb\"", "\"a\nb\""}, {"", ""},
      {"\"\\U0001F600\"", "\xF0\x9F\x98\x80"}, {"\"\\ud800\"", "\"\\ud800\""}, {"\"\\x4\"", "\"\\x4\""},
  };
  for (const auto& [in, out] : table) {
    INFO(in);
    CHECK(unquote(in) == out);
  }
}

TEST_CASE("templates are filled wherever they stand", "[resources][environment]") {
  CHECK(filled("<{appID}>{appID}") == "<app>app");
  CHECK(filled("{namespace}") == "space.app");
  CHECK(filled("{podName}") == "pod-1");
  CHECK(filled("{appid}{AppID}{NAMESPACE}{UUID}") == "{appid}{AppID}{NAMESPACE}{UUID}");
  CHECK(filled("{ appID }") == "{ appID }");
  const auto two = filled("{uuid}/{uuid}");
  REQUIRE(two.size() == 73);
  CHECK(two.substr(0, 36) != two.substr(37));
}

TEST_CASE("the pod name is needed only where it is used", "[resources][environment]") {
  const auto templates = make_templates("app", environment({}));
  CHECK(templates.name_space == "default");
  CHECK(make_templates("app", environment({{"NAMESPACE", ""}})).name_space.empty());
  CHECK(fill_templates("any", "{appID}", templates) == "app");
  const auto failed = fill_templates("any", "{podName}", templates);
  REQUIRE(!failed);
  CHECK(failed.error().message == "failed to parse metadata: property any refers to {podName} but podName is not set");
}
