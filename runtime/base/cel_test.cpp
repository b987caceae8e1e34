#include "runtime/base/cel.hpp"

#include "tests/catch.hpp"

using namespace mecha;

namespace {

const json::Value& event() {
  static const json::Value value = *json::parse(R"({
    "id": "1", "type": "order.created", "n": 5, "list": [1, 2, 3], "none": null, "text": "\u00e9a", "my-ext": "x",
    "data": {"amount": 12000, "price": 1.5, "items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 7}], "ok": true}
  })");
  return value;
}

// The result as text, or "! " and what went wrong.
std::string result_of(std::string_view source) {
  const auto expression = cel::Expression::compile(source);
  if (!expression) return "compile: " + expression.error().message.substr(0, expression.error().message.find('\n'));
  const auto value = expression->evaluate(cel::Bindings().set("event", event()).set("count", 7));
  if (!value) return "! " + value.error().message;
  return std::string(cel::type_name(value->type())) + " " + cel::to_text(*value);
}

}  // namespace

TEST_CASE("expressions that are true", "[cel]") {
  const auto* const source = GENERATE(
      "event.type == 'order.created'", "event['my-ext'] == \"x\"", "event.data.amount > 10000", "event.n == 5",
      "event.n in [1, 5u, 'x']", "'id' in event", "!('nope' in event)", "size(event.list) == 3 && event.list.size() == 3",
      "size(event.text) == 2", "event.type.startsWith('order.')", "event.type.endsWith('created')",
      "event.type.contains('r.c')", "event.type.matches('^order\\\\..*d$')", "matches('abc', 'b')",
      "has(event.data.amount) && !has(event.data.nope) && !has(event.type.x) && !has(event.none.x)",
      "event.data.items.exists(i, i.qty > 5)", "!event.data.items.all(i, i.qty > 5)",
      "event.data.items.exists_one(i, i.sku == 'a')", "event.data.items.map(i, i.sku) == ['a', 'b']",
      "event.data.items.filter(i, i.qty > 5)[0].sku == 'b'", "[1, 2, 3].map(x, x > 1, x * 2) == [4, 6]",
      "event.data.all(k, k != '')", "event.data.ok ? true : false", "1 == 1.0 && 1u == 1 && 2.5 > 2 && 3 > 2.5",
      "9007199254740993 == 9007199254740992.0", "'a' != 1 && null != false && null == event.none", "'a' + 'b' == 'ab'",
      "b'a' + b'\\xff' == b'a\\377'", "[1] + [2] == [1, 2]", "{'a': 1, 2: 'b'}[2] == 'b'", "{'a': 1}.a == 1", "7 % -4 == 3 && -7 / 2 == -3",
      "2 + 3 * 4 - 1 == 13 && (2 + 3) * 4 == 20", "!!true", "-(-5) == 5 && --5 == 5", "-9223372036854775808 < 0", "0xFF == 255 && 1e3 == 1000.0 && .5 == 0.5",
      "int('42') == 42 && int(3.9) == 3 && uint(5) == 5u && double('1.5') == 1.5 && double(2) == 2.0",
      "string(1.0) == '1' && string(1e6) == '1e+06' && string(true) == 'true' && string(-3) == '-3' && string(b'x') == 'x'",
      "bool('true') && !bool('0') && bytes('a') == b'a'",
      "timestamp('2024-05-06T07:08:09.5Z') + duration('1h') == timestamp('2024-05-06T08:08:09.5Z')",
      "timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')",
      "timestamp('2024-05-06T07:08:09Z').getFullYear() == 2024 && timestamp('2024-05-06T07:08:09Z').getMonth() == 4",
      "timestamp('2024-05-06T07:08:09Z').getDayOfWeek() == 1 && timestamp('2024-05-06T07:08:09Z').getDate() == 6",
      "timestamp('2024-05-06T07:08:09Z').getDayOfMonth() == 5 && timestamp('2024-02-01T00:00:00Z').getDayOfYear() == 31",
      "timestamp('2024-05-06T07:08:09Z').getHours('-08:00') == 23 && duration('90m').getMinutes() == 90",
      "timestamp(0) < timestamp('1970-01-01T00:00:01Z') && string(timestamp(0)) == '1970-01-01T00:00:00Z'",
      "string(duration('1m1.5s')) == '61.5s' && int(timestamp('1970-01-01T00:01:00Z')) == 60",
      "type(1) == int && type(event) == map && type(type(1)) == type && type(timestamp(0)) == google.protobuf.Timestamp",
      "r'\\d' == '\\\\d' && '''a\nb''' == 'a\\nb' && '\\u00e9\\x41\\101' == '\u00e9AA'", "count > 5 && count + 1 == 8",
      "true || event.nope.x", "event.nope.x || true", "!(event.nope.x && false)", "[1, 'a'].exists(x, x > 0)",
      "true // comment\n && true", "'b' > 'a' && false < true && b'b' > b'a' && duration('2s') > duration('1s')",
      "[[1, 2], [3]].all(l, l.all(x, x > 0))", "[1].map(x, [2].map(y, x + y)) == [[3]]", ".event.n == 5",
      "event.data.items == [{'sku': 'a', 'qty': 1}, {'qty': 7.0, 'sku': 'b'}]", "{} == {} && [] == []", "dyn(1) == 1",
      "event.list[0] == 1 && event.list[2.0] == 3", "1.0 / 0.0 > 1e308", "true ? true : event.nope", "{'a': 1, 'a': 2}.a == 2", "[,] == []", "[1, 2,].size() == 2");
  CAPTURE(source);
  CHECK(result_of(source) == "bool true");
}

TEST_CASE("evaluation fails with the words of cel-go", "[cel]") {
  const auto [source, message] = GENERATE(table<std::string, std::string>({
      {"event.type == order", "no such attribute(s): order"},
      {"order.a.b", "no such attribute(s): order.a.b"},
      {"event.nope", "no such key: nope"},
      {"event.data.nope.deeper", "no such key: nope"},
      {"event['nope']", "no such key: nope"},
      {"event.type.x", "no such key: x"},
      {"has(event.nope.x)", "no such key: nope"},
      {"has(event.list.x)", "unsupported index type 'string' in list"},
      {"event.list.x", "unsupported index type 'string' in list"},
      {"string(event)", "no such overload: string(map)"},
      {"event.type > 5", "no such overload"},
      {"event.n + 1", "no such overload"},
      {"1 + 1u", "no such overload"},
      {"!5", "no such overload"},
      {"5 && true", "no such overload"},
      {"event.nope.x || false", "no such key: nope"},
      {"5 ? 1 : 2", "no such overload"},
      {"1 / 0", "division by zero"},
      {"1 % 0", "modulus by zero"},
      {"9223372036854775807 + 1", "integer overflow"},
      {"-9223372036854775808 / -1", "integer overflow"},
      {"-(-9223372036854775808)", "integer overflow"},
      {"0u - 1u", "unsigned integer overflow"},
      {"int(1e19)", "integer overflow"},
      {"uint(-1)", "unsigned integer overflow"},
      {"int('x')", "type conversion error from 'string' to 'int'"},
      {"event.list[3]", "index out of bounds: 3"},
      {"event.list[-1]", "index out of bounds: -1"},
      {"event.list['a']", "unsupported index type 'string' in list"},
      {"duration('30d')", "type conversion error from 'string' to 'google.protobuf.Duration'"},
      {"[1, 2].exists_one(x, x)", "no such overload"},
      {"5.exists(x, true)", "got 'types.Int', expected iterable type"},
      {"timestamp('9999-12-31T23:59:59Z') + duration('1s')", "timestamp overflow"},
  }));
  CAPTURE(source);
  CHECK(result_of(source) == "! " + message);
}

TEST_CASE("what does not compile says where", "[cel]") {
  const auto [source, message] = GENERATE(table<std::string, std::string>({
      {"1 + foo()", "ERROR: <input>:1:8: undeclared reference to 'foo' (in container '')"},
      {"event.foo(1)", "ERROR: <input>:1:10: undeclared reference to 'foo' (in container '')"},
      {"size(1, 2)", "ERROR: <input>:1:5: found no matching overload for 'size' applied to '(int, int)'"},
      {"event.type ==", "ERROR: <input>:1:14: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', "
                        "'-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"},
      {"a b", "ERROR: <input>:1:3: Syntax error: extraneous input 'b' expecting <EOF>"},
      {"a = b", "ERROR: <input>:1:3: Syntax error: token recognition error at: '='"},
      {"\n 'abc", "ERROR: <input>:2:2: Syntax error: token recognition error at: ''abc'"},
      {"has(event)", "ERROR: <input>:1:5: invalid argument to has() macro"},
      {"[1].all(x.y, true)", "ERROR: <input>:1:10: argument must be a simple name"},
      {"for", "ERROR: <input>:1:1: reserved identifier: for"},
      {"9223372036854775808", "ERROR: <input>:1:1: invalid int literal"},
      {"", "ERROR: <input>:1:1: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', "
           "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"},
  }));
  CAPTURE(source);
  CHECK(result_of(source) == "compile: " + message);
}

TEST_CASE("a compile error shows the line and the place", "[cel]") {
  const auto expression = cel::Expression::compile("true &&\n  foo()");
  REQUIRE_FALSE(expression);
  CHECK(expression.error().message ==
        "ERROR: <input>:2:6: undeclared reference to 'foo' (in container '')\n |   foo()\n | .....^");
}

TEST_CASE("a rule must be boolean", "[cel]") {
  const auto expression = cel::Expression::compile("event.n");
  REQUIRE(expression);
  const auto result = expression->evaluate_bool(cel::Bindings().set("event", event()));
  REQUIRE_FALSE(result);
  CHECK(result.error().message == "the result of match expression event.n was not a boolean");
}

TEST_CASE("an event may be a text", "[cel]") {
  const auto expression = cel::Expression::compile("event.startsWith('raw')");
  REQUIRE(expression);
  CHECK(expression->evaluate_bool(cel::Bindings().set("event", std::string_view("raw bytes"))).value());
}

TEST_CASE("depth and work are bounded", "[cel]") {
  CHECK(result_of(std::string(300, '(') + "1" + std::string(300, ')')).ends_with("expression recursion limit exceeded: 250"));
  std::string chain = "1";
  for (int i = 0; i < 300; ++i) chain += "+1";
  CHECK(result_of(chain).ends_with("expression recursion limit exceeded: 250"));
  std::string many = "false";
  for (int i = 0; i < 1000; ++i) many += "||false";
  CHECK(result_of(many) == "bool false");
  std::string power = "'0123456789'";
  for (int i = 0; i < 40; ++i) power = "[" + power + "].map(x, x + x)[0]";
  CHECK(result_of("size(" + power + ")") == "! operation cancelled: actual cost limit exceeded");
  const std::string ten = "[1,2,3,4,5,6,7,8,9,10]";
  std::string nested = "true";
  for (int i = 0; i < 8; ++i) nested = ten + ".all(x, " + nested + ")";
  CHECK(result_of(nested) == "! operation cancelled: actual cost limit exceeded");
}

TEST_CASE("time zones come from the database", "[cel][zone]") {
  CHECK(result_of("timestamp('2024-07-01T12:00:00Z').getHours('America/New_York')") == "int 8");
  CHECK(result_of("timestamp('2060-01-01T12:00:00Z').getHours('America/New_York')") == "int 7");
  CHECK(result_of("timestamp('2060-07-01T12:00:00Z').getHours('Australia/Sydney')") == "int 22");
  CHECK(result_of("timestamp(0).getHours('Mars/Olympus')") == "! unknown time zone Mars/Olympus");
  CHECK(result_of("timestamp(0).getHours('../../etc/passwd')") == "! unknown time zone ../../etc/passwd");
}
