#include "runtime/base/json_read.hpp"

#include <limits>

#include "tests/catch.hpp"

using namespace mecha;
using json::Dialect;

namespace {

std::string error_of(std::string_view text, bool whole) {
  const auto value = json::parse(text, whole);
  return value ? "read as " + json::write(*value) : value.error().message;
}

std::string again(std::string_view text, Dialect dialect = Dialect::standard) {
  const auto value = json::parse(text);
  return value ? json::write(*value, dialect) : "error: " + value.error().message;
}

}  // namespace

TEST_CASE("documents are read and written compactly with sorted members", "[json]") {
  CHECK(again(R"( { "b" : [1, 2.50, -0, true, false, null] , "a" : {"": "x"}, "c": [], "d": {} } )") ==
        R"({"a":{"":"x"},"b":[1,2.5,-0,true,false,null],"c":[],"d":{}})");
  CHECK(again(R"([[[]],[{}],{"a":[{"b":{}}]}])") == R"([[[]],[{}],{"a":[{"b":{}}]}])");
  CHECK(again(R"({"a":{"x":1},"a":{"y":2},"b":1,"a":3})") == R"({"a":3,"b":1})");
  CHECK(again(R"({"a":{"x":1},"a":{"y":2}})") == R"({"a":{"y":2}})");
  CHECK(again("1 trailing") == "1");
}

TEST_CASE("messages of a decoder on a stream", "[json]") {
  CHECK(error_of("", false) == "EOF");
  CHECK(error_of(" \n", false) == "EOF");
  CHECK(error_of("{", false) == "unexpected EOF");
  CHECK(error_of("tru", false) == "unexpected EOF");
  CHECK(error_of("\"abc", false) == "unexpected EOF");
  CHECK(error_of("-", false) == "unexpected EOF");
  CHECK(error_of("{\"a\":1,}", false) == "invalid character '}' looking for beginning of object key string");
  CHECK(error_of("01", false) == "read as 0");
}

TEST_CASE("messages for a whole text", "[json]") {
  const auto [text, message] = GENERATE(table<std::string, std::string>({
      {"", "unexpected end of JSON input"},
      {"[1,,]", "invalid character ',' looking for beginning of value"},
      {"{,}", "invalid character ',' looking for beginning of object key string"},
      {"\"a\nb\"", "invalid character '\\n' in string literal"},
      {"\"\\x\"", "invalid character 'x' in string escape code"},
      {"\"\\", "invalid character ' ' in string escape code"},
      {"\"\\u12g\"", "invalid character 'g' in \\u hexadecimal character escape"},
      {"-", "invalid character ' ' in numeric literal"},
      {"-a", "invalid character 'a' in numeric literal"},
      {"1.a", "invalid character 'a' after decimal point in numeric literal"},
      {"1e", "invalid character ' ' in exponent of numeric literal"},
      {"tru", "invalid character ' ' in literal true (expecting 'e')"},
      {"nulL", "invalid character 'L' in literal null (expecting 'l')"},
      {"\xef\xbb\xbf{}", "invalid character '\u00ef' looking for beginning of value"},
      {"{\"a\" 1}", "invalid character '1' after object key"},
      {"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"},
      {"[1 2]", "invalid character '2' after array element"},
      {"1 2", "invalid character '2' after top-level value"},
      {"'a'", "invalid character '\\'' looking for beginning of value"},
      {"\x80", "invalid character '\\u0080' looking for beginning of value"},
      {"\x01", "invalid character '\\x01' looking for beginning of value"},
      {"[01]", "invalid character '1' after array element"},
      {"{1:2}", "invalid character '1' looking for beginning of object key string"},
      {"{\"a\":", "unexpected end of JSON input"},
      {"[1", "unexpected end of JSON input"},
  }));
  CHECK(error_of(text, true) == message);
}

TEST_CASE("nesting ends at ten thousand levels, and deep values can be copied and compared", "[json]") {
  const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  auto value = json::parse(deep, true);
  REQUIRE(value);
  const json::Value copy = *value;
  CHECK(copy == *value);
  CHECK(json::write(copy) == deep);
  CHECK(error_of(std::string(10'001, '['), false) == "invalid character '[' exceeded max depth");
}

TEST_CASE("texts are unescaped, and what is no UTF-8 is replaced", "[json]") {
  CHECK(json::parse(R"("\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00")")->as_string() == "\"\\/\b\f\n\r\tA\u00e9\U0001F600");
  CHECK(json::parse(R"("\ud800")")->as_string() == "\uFFFD");
  CHECK(json::parse(R"("\ud800A")")->as_string() == "\uFFFDA");
  CHECK(json::parse(R"("\udc00\ud83d\ude00")")->as_string() == "\uFFFD\U0001F600");
  CHECK(json::parse("\"a\xff\xc3z\"")->as_string() == "a\uFFFD\uFFFDz");
  CHECK(json::parse("\"\xed\xa0\x80\"")->as_string() == "\uFFFD\uFFFD\uFFFD");
}

TEST_CASE("each dialect escapes in its way", "[json]") {
  const json::Value value("<a & b>\u2028\b\f\n\x01/\x7f\"\\");
  CHECK(json::write(value) == R"("\u003ca \u0026 b\u003e\u2028\b\f\n\u0001/)" "\x7f" R"(\"\\")");
  CHECK(json::write(value, Dialect::fast) == "\"<a & b>\u2028\\u0008\\u000c\\n\\u0001/\x7f\\\"\\\\\"");
  std::string out;
  json::write_string(out, "<\u2029\xff>", false);
  CHECK(out == R"("<\u2029\ufffd>")");
}

TEST_CASE("numbers pass through a double, and keep their text where asked for", "[json]") {
  CHECK(again("[9007199254740993, 12345678901234567890, 1.0, 1e3, 1E-7, 0.000001, 1e20, 1e21, -0, -0.0, 1e23]") ==
        "[9007199254740992,12345678901234567000,1,1000,1e-7,0.000001,100000000000000000000,1e+21,-0,-0,1e+23]");
  CHECK(again("[9007199254740993, 1.0, 1E400]", Dialect::number_text) == "[9007199254740993,1.0,1E400]");
  CHECK(again("[5e-324, 1.7976931348623157e308, 0.1, 123456.789, 1e-400]") ==
        "[5e-324,1.7976931348623157e+308,0.1,123456.789,0]");
}

TEST_CASE("the fast dialect rounds to six decimals up to its limit", "[json]") {
  CHECK(again("[1.23456789, 0.0000005, 0.0000004, -0, -1e-7, 83886078.1234567, 83886080.1234567, -2.5, 100]", Dialect::fast) ==
        "[1.234568,0.000001,0,0,-0,83886078.123457,83886080.1234567,-2.5,100]");
}

TEST_CASE("a number that no double holds is found", "[json]") {
  const auto value = json::parse(R"({"a":[1, 1e999, -1e999]})");
  REQUIRE(value);
  REQUIRE(json::out_of_range(*value) != nullptr);
  CHECK(json::out_of_range(*value)->number_text() == "1e999");
  CHECK(json::out_of_range(json::Value(1)) == nullptr);
}

TEST_CASE("whole numbers are seen as such", "[json]") {
  CHECK(json::parse("42")->as_int() == 42);
  CHECK(json::parse("-9223372036854775808")->as_int() == std::numeric_limits<std::int64_t>::min());
  CHECK(json::parse("1e3")->as_int() == 1000);
  CHECK(json::parse("1.0")->as_int() == 1);
  CHECK_FALSE(json::parse("1.5")->as_int());
  CHECK_FALSE(json::parse("9223372036854775808")->as_int());
  CHECK_FALSE(json::parse("1e30")->as_int());
}

TEST_CASE("members are found exactly or without case", "[json]") {
  const auto value = json::parse(R"({"pubsubName":"a","PUBSUBNAME":"b","n":1})");
  REQUIRE(value);
  CHECK(value->find("pubsubname") == nullptr);
  CHECK(value->find_nocase("pubsubname") != nullptr);
  CHECK(value->find_nocase("PUBSUBNAME")->as_string() == "b");
  CHECK(value->text("pubsubName") == "a");
  CHECK(value->text("n").empty());
  CHECK(json::Value(1).find_nocase("x") == nullptr);
}

TEST_CASE("values are copied whole and move to null", "[json]") {
  json::Value value(json::Object{{"a", json::Array{1, "x", nullptr, 2.5, true}}});
  json::Value copy = value;
  copy.as_object()["a"].as_array()[0] = 2;
  CHECK(value.find("a")->as_array()[0] == json::Value(1));
  CHECK_FALSE(copy == value);
  const json::Value moved = std::move(copy);
  CHECK(copy.is_null());
  CHECK(moved.find("a")->as_array().size() == 5);
  value = json::Value(value.as_object()["a"]);
  CHECK(json::write(value) == R"([1,"x",null,2.5,true])");
  value = std::move(value.as_array()[1]);
  CHECK(value.as_string() == "x");
  CHECK(json::Value(1) == json::Value(1.0));
  CHECK(json::Value(std::numeric_limits<double>::infinity()).is_null());
}

TEST_CASE("doubles as texts of the contract print them", "[json]") {
  CHECK(json::format_double_g(1e6) == "1e+06");
  CHECK(json::format_double_g(100000) == "100000");
  CHECK(json::format_double_g(100000.5) == "100000.5");
  CHECK(json::format_double_g(1e-5) == "1e-05");
  CHECK(json::format_double_g(0.0001) == "0.0001");
  CHECK(json::format_double_g(-0.0) == "-0");
  CHECK(json::format_double_g(1e23) == "1e+23");
  CHECK(json::format_double(1e-7) == "1e-7");
  CHECK(json::format_double(123456789012345680000.0) == "123456789012345680000");
}

TEST_CASE("members are read into variables, and what does not fit is named", "[json]") {
  const auto value = json::parse(R"({"Name":"x","on":true,"n":7,"none":null,"m":{"a":"1","b":null},"list":[1],"odd":{"a":1}})").value();
  std::string name = "old";
  bool on = false;
  int n = 0;
  std::map<std::string, std::string, std::less<>> map;
  CHECK(json::read(value, "name", name));
  CHECK(json::read(value, "on", on));
  CHECK(json::read(value, "n", n));
  CHECK(json::read(value, "m", map));
  CHECK((name == "x" && on && n == 7));
  CHECK(map == std::map<std::string, std::string, std::less<>>{{"a", "1"}, {"b", ""}});
  CHECK(json::read(value, "none", name));
  CHECK(json::read(value, "absent", name));
  CHECK(name == "x");
  CHECK(json::read(value, "n", name).error().message == "json: cannot unmarshal number into Go struct field n of type string");
  CHECK(json::read(value, "odd", map).error().message == "json: cannot unmarshal number into Go struct field odd of type string");
  CHECK(json::read(value, "list", map).error().message == "json: cannot unmarshal array into Go struct field list of type map[string]string");
  CHECK_FALSE(json::read(value, "on", n));
  CHECK_FALSE(json::read(value, "n", on));
  CHECK(json::read_array(value, "list").value()->as_array().size() == 1);
  CHECK(json::read_array(value, "none").value() == nullptr);
  CHECK_FALSE(json::read_array(value, "m"));
  CHECK_FALSE(json::read_object(value, "list"));
  CHECK(json::mismatch(value, {}, "T").error().message == "json: cannot unmarshal object into Go value of type T");
}
