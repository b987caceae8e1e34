#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"
#include "runtime/base/text_utf8.hpp"

#include <limits>
#include <map>

#include "tests/catch.hpp"

using namespace mecha;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST_CASE("cases and white space are those of ASCII", "[text]") {
  CHECK(text::lower("aBZ\u00c4") == "abz\u00c4");
  CHECK(text::upper("aBz") == "ABZ");
  CHECK(text::equals_nocase("Ab", "aB"));
  CHECK_FALSE(text::equals_nocase("ab", "abc"));
  CHECK(text::trim(" \t\r\na b\v\f") == "a b");
  CHECK(text::LessNoCase()("A", "b"));
  CHECK_FALSE(text::LessNoCase()("B", "a"));
}

TEST_CASE("texts are split, joined and replaced", "[text]") {
  CHECK(text::split("", ',') == std::vector<std::string_view>{""});
  CHECK(text::split("a,,b,", ',') == std::vector<std::string_view>{"a", "", "b", ""});
  CHECK(text::join({"a", "b"}, ", ") == "a, b");
  CHECK(text::replace_all("aXbXX", "X", "--") == "a--b----");
  CHECK(text::replace_all("a", "", "b") == "a");
}

TEST_CASE("two kinds of booleans", "[text]") {
  CHECK(text::truthy(" YES "));
  CHECK(text::truthy("1"));
  CHECK_FALSE(text::truthy("enabled"));
  CHECK_FALSE(text::truthy(""));
  CHECK(text::strict_bool("True") == true);
  CHECK(text::strict_bool("0") == false);
  CHECK_FALSE(text::strict_bool("yes"));
  CHECK_FALSE(text::strict_bool("tRue"));
}

TEST_CASE("numbers are read whole or not at all", "[text]") {
  CHECK(text::to_int("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(text::to_int("+5") == 5);
  CHECK_FALSE(text::to_int("9223372036854775808"));
  for (const auto* bad : {"", "+", "-", "+-5", "5x", " 5", "5.0", "0x5"}) CHECK_FALSE(text::to_int(bad));
  CHECK(text::to_uint("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
  CHECK_FALSE(text::to_uint("-1"));
  CHECK(text::to_double("1.5e3") == 1500.0);
  CHECK(text::to_double("+.5") == 0.5);
  CHECK(text::to_double("1e-999") == 0.0);
  for (const auto* bad : {"", "1e999", "1.5x", "nan(1)", "--1"}) CHECK_FALSE(text::to_double(bad));
}

TEST_CASE("durations are those of Go", "[text]") {
  CHECK(text::go_duration("300ms") == 300ms);
  CHECK(text::go_duration("1h2m3.5s") == 1h + 2min + 3500ms);
  CHECK(text::go_duration("-1.5h") == -90min);
  CHECK(text::go_duration("1\u00b5s1\u03bcs1us1ns") == 3001ns);
  CHECK(text::go_duration("0") == 0ns);
  CHECK(text::go_duration(".5s") == 500ms);
  CHECK(text::go_duration("1.s") == 1s);
  CHECK(text::go_duration("0.3333333333333333333h") == 20min);
  CHECK(text::go_duration("9223372036854775807ns") == nanoseconds::max());
  CHECK(text::go_duration("-9223372036854775808ns") == nanoseconds::min());
  for (const auto* bad : {"", "-", "5", "30d", "1 s", "s", ".s", "1.5", "9223372036854775808ns", "3000000h", "1s-1s"}) {
    CAPTURE(bad);
    CHECK_FALSE(text::go_duration(bad));
  }
  CHECK(text::duration_or("5", 1s) == 5s);
  CHECK(text::duration_or("5m", 1s) == 5min);
  CHECK(text::duration_or("-1", 1ms) == -1ms);
  CHECK_FALSE(text::duration_or("9223372036854775807", 1s));
  CHECK_FALSE(text::duration_or("x", 1s));
}

TEST_CASE("durations are printed as Go prints them", "[text]") {
  CHECK(text::format_go_duration(0s) == "0s");
  CHECK(text::format_go_duration(1min) == "1m0s");
  CHECK(text::format_go_duration(500ms) == "500ms");
  CHECK(text::format_go_duration(1500us) == "1.5ms");
  CHECK(text::format_go_duration(1ns) == "1ns");
  CHECK(text::format_go_duration(2200ns) == "2.2\u00b5s");
  CHECK(text::format_go_duration(-(1h + 1ms)) == "-1h0m0.001s");
  CHECK(text::format_go_duration(nanoseconds::min()) == "-2562047h47m16.854775808s");
}

TEST_CASE("quantities are whole numbers with the suffixes of Kubernetes", "[text]") {
  CHECK(text::quantity("4Mi") == 4 * 1024 * 1024);
  CHECK(text::quantity("16M") == 16'000'000);
  CHECK(text::quantity("500k") == 500'000);
  CHECK(text::quantity("4096") == 4096);
  CHECK(text::quantity("-1") == -1);
  CHECK(text::quantity("1.5M") == 1'500'000);
  CHECK(text::quantity("2e3") == 2000);
  CHECK(text::quantity("1E") == 1'000'000'000'000'000'000);
  for (const auto* bad : {"", "Mi", "4mi", "4MB", "1.5", "100m", "1.5Ki", "100E", "4 Mi", "e3", "1e99999"}) {
    CAPTURE(bad);
    CHECK_FALSE(text::quantity(bad));
  }
}

TEST_CASE("base64 and hexadecimal go both ways", "[text]") {
  CHECK(text::base64("").empty());
  CHECK(text::base64("f") == "Zg==");
  CHECK(text::base64("foobar\xff") == "Zm9vYmFy/w==");
  CHECK(text::from_base64("Zm9vYmFy/w==") == "foobar\xff");
  CHECK(text::from_base64("Zm9v\nYg==") == "foob");
  CHECK(text::from_base64("Zg", false) == "f");
  for (const auto* bad : {"Zg", "Zg=", "Z", "Z===", "Zg==Zg==", "Zm9v=", "_-8=", "Zg==="}) {
    CAPTURE(bad);
    CHECK_FALSE(text::from_base64(bad));
  }
  for (const auto& [bad, place] : std::map<std::string, int>{{"!!", 0}, {"Zm9v!", 4}, {"Zg", 0}, {"Zm9vZg", 4}, {"Zg=", 3}, {"Zg=a", 2}, {"Z===", 1}, {"=", 0}, {"Zg==Zg==", 4}, {"Zm9=v", 4}, {"Zm9v\nZ", 5}}) {
    CAPTURE(bad);
    CHECK_FALSE(text::from_base64(bad));
    CHECK(text::base64_fault(bad) == "illegal base64 data at input byte " + std::to_string(place));
  }
  CHECK(text::hex_fault("00zz") == "encoding/hex: invalid byte: U+007A 'z'");
  CHECK(text::hex_fault("0\n0") == "encoding/hex: invalid byte: U+000A");
  CHECK(text::hex_fault("000") == "encoding/hex: odd length hex string");
  CHECK_FALSE(text::from_base64("Zg==", false));
  CHECK(text::hex("\x01\xab") == "01ab");
  CHECK(text::from_hex("01AB") == "\x01\xab");
  CHECK_FALSE(text::from_hex("1"));
  CHECK_FALSE(text::from_hex("zz"));
}

TEST_CASE("percent escapes differ in what a plus is", "[text]") {
  CHECK(text::unescape_path("a%2Fb+c") == "a/b+c");
  CHECK(text::unescape_query("a%2Bb+c") == "a+b c");
  CHECK_FALSE(text::unescape_path("%zz"));
  CHECK_FALSE(text::unescape_path("a%2"));
  CHECK_FALSE(text::unescape_query("%"));
  CHECK(text::escape("a b/\u00e9~") == "a%20b%2F%C3%A9~");
  CHECK(text::escape("a/b", "/") == "a/b");
}

TEST_CASE("query strings keep order and drop bad pairs", "[text]") {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(text::parse_query("a=1&b&&c=x+y&d=%zz&a=2=3&e;f=1") == Pairs{{"a", "1"}, {"b", ""}, {"c", "x y"}, {"a", "2=3"}});
  CHECK(text::parse_query("").empty());
}

TEST_CASE("paths are cleaned lexically", "[text]") {
  CHECK(text::clean_path("") == ".");
  CHECK(text::clean_path("/") == "/");
  CHECK(text::clean_path("/a//b/./c/../d/") == "/a/b/d");
  CHECK(text::clean_path("/../a") == "/a");
  CHECK(text::clean_path("../../a/..") == "../..");
  CHECK(text::clean_path("a/..") == ".");
}

TEST_CASE("UTF-8 is checked strictly", "[text]") {
  CHECK(text::is_utf8("plain ascii of some length \u00e9\u20ac\U0001F600"));
  for (const auto* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xf0\x80\x80\x80"}) {
    CHECK_FALSE(text::is_utf8(bad));
  }
  CHECK(text::sanitize_utf8("a\xe2\x82z\xff") == "a\uFFFD\uFFFDz\uFFFD");
}

TEST_CASE("a text is cut between characters", "[text]") {
  CHECK(text::cut_utf8("abc", 5) == "abc");
  CHECK(text::cut_utf8("abc", 2) == "ab");
  CHECK(text::cut_utf8("a\u00e9b", 2) == "a");
  CHECK(text::cut_utf8("a\u00e9b", 3) == "a\u00e9");
  CHECK(text::cut_utf8("a\U0001F600", 4) == "a");
  CHECK(text::cut_utf8("a\U0001F600", 1) == "a");
  CHECK(text::cut_utf8("\x80\x80\x80\x80\x80", 3) == "\x80\x80\x80");  // no text: bytes
}

TEST_CASE("header names get their capitals", "[text]") {
  CHECK(text::canonical_header("content-type") == "Content-Type");
  CHECK(text::canonical_header("METADATA.ttlExpireTime") == "Metadata.ttlexpiretime");
  CHECK(text::canonical_header("a b") == "a b");
}

TEST_CASE("quoted texts look as in Go", "[text]") {
  CHECK(text::quote("a\"b\\\n\x01\x7f") == R"("a\"b\\\n\x01\x7f")");
  CHECK(text::quote("\u00e9\u200b\xff\U0001F600\U000E0001") == "\"\u00e9\\u200b\\xff\U0001F600\\U000e0001\"");
}

TEST_CASE("uuids are random and of version 4", "[text]") {
  const std::string id = text::uuid();
  REQUIRE(id.size() == 36);
  CHECK(id[14] == '4');
  CHECK(std::string_view("89ab").find(id[19]) != std::string_view::npos);
  CHECK(id != text::uuid());
}

TEST_CASE("times go both ways", "[text]") {
  const auto time = text::parse_rfc3339("2024-02-29T23:59:58.120Z");
  REQUIRE(time);
  CHECK(text::rfc3339(*time) == "2024-02-29T23:59:58Z");
  CHECK(text::rfc3339_nano(*time) == "2024-02-29T23:59:58.12Z");
  CHECK(text::rfc3339_nano(*text::parse_rfc3339("2024-01-01T01:00:00+01:30")) == "2023-12-31T23:30:00Z");
  CHECK(text::parse_rfc3339("9999-12-31T23:59:59Z") == std::chrono::system_clock::time_point::max());
  CHECK(text::rfc3339(std::chrono::system_clock::time_point(-1ns)) == "1969-12-31T23:59:59Z");
  for (const auto* bad :
       {"", "2024-02-30T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2024-01-01",
        "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx", "2024-13-01T00:00:00Z", "2024-01-01T00:00:60Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(text::parse_rfc3339(bad));
  }
  CHECK(text::parse_instant("0001-01-01T00:00:00Z")->seconds == -62135596800);
  CHECK(text::format_instant({.seconds = 253402300799, .nanos = 5}) == "9999-12-31T23:59:59.000000005Z");
}
