// Key prefixes, the form of queries, and how failures of a bulk write join.

#include "runtime/capabilities/state/key.hpp"
#include "runtime/capabilities/state/outbound.hpp"
#include "runtime/capabilities/state/query.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::state;

namespace {

ComponentSpec store(std::string name, std::string value) {
  return {.name = "Shop", .metadata = {NameValue{.name = std::move(name), .value = std::move(value)}}};
}

std::string prefix(std::string value, std::string_view app = "app", std::string_view ns = "prod") {
  return key_prefix(store("KEYPREFIX", std::move(value)), app, ns);
}

std::string query_error(std::string_view text) {
  const auto query = parse_query(text);
  return query ? "" : query.error().message;
}

Error etag_error(std::string_view inner) { return etag_mismatch(inner).error(); }
Error other(std::string text) { return {.code = Code::internal, .message = std::move(text)}; }

}  // namespace

TEST_CASE("the prefix follows the strategy", "[state][key]") {
  CHECK(key_prefix(ComponentSpec{.name = "Shop"}, "app", "prod") == "app||");
  CHECK(key_prefix(ComponentSpec{.name = "Shop"}, "", "prod") == "");
  CHECK(prefix("appid") == "app||");
  CHECK(prefix("NAME") == "Shop||");
  CHECK(prefix("namespace") == "prod.app||");
  CHECK(prefix("namespace", "app", "") == "app||");
  CHECK(prefix("namespace", "", "prod") == "");
  CHECK(prefix("none") == "");
  CHECK(prefix("MyPrefix") == "myprefix||");
  CHECK(prefix("") == "||");
}

TEST_CASE("the caller's key is the second part", "[state][key]") {
  CHECK(original_key("app||k") == "k");
  CHECK(original_key("k") == "k");
  CHECK(original_key("||k") == "k");
  CHECK(original_key("app||type||id||k") == "type");
}

TEST_CASE("a store whose metadata the runtime cannot honour is refused", "[state][key]") {
  CHECK(check_store_spec(store("keyPrefix", "a")).has_value());
  CHECK(
      check_store_spec(store("keyPrefix", "A||b")).error().message ==
      "failed to save lock keyprefix: api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"
  );
}

TEST_CASE("the form of a query is checked in the contract's words", "[state][query]") {
  const std::string start = "failed to parse JSON query body: ";
  for (const auto* fine : {
           "{}", "null", R"({"filter":{}})", R"({"filter":null,"sort":[null,{"key":null}],"page":{"limit":null,"token":null}})", R"({"filter":{"EQ":{"a":1}},"sort":[{"key":"a"}],"page":{"limit":1}})",
           R"({"filter":{"OR":[{"IN":{"a":[1]}},{"AND":[{"LT":{"a":1}},{"GTE":{"b":2}}]}]}})"}) {
    INFO(fine);
    CHECK(query_error(fine) == "");
  }
  const std::vector<std::pair<const char*, const char*>> wrong{
      {R"({"filter":{"EQ":{"a":1},"NEQ":{"b":1}}})", "filter unit must have a single element"},
      {R"({"filter":{"AND":[1,{"EQ":{"a":1}}]}})", "filter unit must be a map"},
      {"[]", "json: cannot unmarshal array into Go value of type query.QueryFields"},
      {R"({"filter":[]})", "json: cannot unmarshal array into Go struct field QueryFields.filter of type map[string]interface {}"},
      {R"({"sort":{}})", "json: cannot unmarshal object into Go struct field QueryFields.sort of type []query.Sorting"},
      {R"({"sort":[{"key":1}]})", "json: cannot unmarshal number into Go struct field Sorting.sort.key of type string"},
      {R"({"page":"x"})", "json: cannot unmarshal string into Go struct field QueryFields.page of type query.Pagination"},
      {R"({"page":{"limit":"1"}})", "json: cannot unmarshal string into Go struct field Pagination.page.limit of type int"},
      {R"({"filter":{"eq":{"a":1}}})", "unsupported filter \"eq\""},
      {R"({"filter":{"EQ":"x"}})", "EQ filter must be a map"},
      {R"({"filter":{"EQ":{"a":1,"b":2}}})", "EQ filter must contain a single key/value pair"},
      {R"({"filter":{"IN":{"a":1}}})", "IN filter value must be an array"},
      {R"({"filter":{"IN":"x"}})", "IN filter must be a map"},
      {R"({"filter":{"AND":[{"EQ":{"a":1}}]}})", "AND filter must contain at least two entries"},
      {R"({"filter":{"OR":{"EQ":{"a":1}}}})", "OR filter must be an array"},
  };
  for (const auto& [text, what] : wrong) CHECK(query_error(text) == start + what);
  for (const auto* bad : {"", "nope", R"({"filter":"x"})", R"({"page":{"token":1}})"}) {
    INFO(bad);
    CHECK(query_error(bad).starts_with(start));
  }
}

TEST_CASE("etag failures of a bulk write decide its outcome", "[state][bulk]") {
  CHECK(join_failures({}, Face::http).has_value());
  const auto all = join_failures({{0, etag_error("a")}, {1, etag_invalid("b").error()}}, Face::http).error();
  CHECK(all.failure == Failure::etag_invalid);
  CHECK(all.message == "invalid etag value: possible etag mismatch. error from state store: a\ninvalid etag value: b");
  const auto mixed = join_failures({{0, other("x")}, {1, etag_error("a")}}, Face::http).error();
  CHECK(mixed.failure == Failure::etag_mismatch);
  CHECK(mixed.message == "possible etag mismatch. error from state store: a");
  CHECK(
      join_failures({{0, other("x")}, {1, etag_error("a")}}, Face::grpc).error().message ==
      "x\npossible etag mismatch. error from state store: a"
  );
  const auto plain = join_failures({{0, other("x")}, {1, other("y")}}, Face::http).error();
  CHECK(plain.failure == Failure::none);
  CHECK(plain.message == "x\ny");
}
