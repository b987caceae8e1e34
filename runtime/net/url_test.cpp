#include "runtime/net/url.hpp"

#include "tests/catch.hpp"

using namespace mecha::net;

namespace {

std::string why(std::string_view text) {
  const auto url = parse_url(text);
  REQUIRE(!url);
  return url.error().message;
}

}  // namespace

TEST_CASE("a URL comes apart", "[net][url]") {
  const auto url = parse_url("HTTPS://user:p%40ss@[::1]:8443/a b/%2F?q=x y#fragment").value();
  CHECK(url.scheme == "https");
  CHECK(url.user_info == "user:p%40ss");
  CHECK(url.authority == "[::1]:8443");
  CHECK(url.host == "::1");
  CHECK(url.port == 8443);
  CHECK(url.target == "/a%20b/%2F?q=x%20y");
  CHECK(url.shown() == "https://user:***@[::1]:8443/a%20b/%2F?q=x%20y");
}

TEST_CASE("ports and paths have their usual values", "[net][url]") {
  CHECK(parse_url("http://h").value().port == 80);
  CHECK(parse_url("https://h").value().port == 443);
  CHECK(parse_url("http://h:/").value().port == 80);
  CHECK(parse_url("http://h").value().target == "/");
  CHECK(parse_url("http://h?q").value().target == "/?q");
  CHECK(parse_url("http://[::1]/").value().host == "::1");
}

TEST_CASE("what is no URL of HTTP is refused", "[net][url]") {
  CHECK(why("ftp://h/") == "unsupported protocol scheme \"ftp\"");
  CHECK(why("h/x") == "unsupported protocol scheme \"\"");
  CHECK(why("http:///x") == "http: no Host in request URL");
  CHECK(why("http://h:x/") == "parse \"http://h:x/\": invalid port \":x\" after host");
  CHECK(why("http://h:70000/").find("invalid port") != std::string::npos);
  CHECK(why("http://h/\r\nX: y").find("invalid control character in URL") != std::string::npos);
  CHECK(why("http://a b/").find("invalid character") != std::string::npos);
}

TEST_CASE("what is said of a malformed URL holds no password", "[net][url]") {
  CHECK(why("http://user:to@p:secret@h:1/?x=\x01@") == "parse \"http://user:***@h:1/?x=\\x01@\": net/url: invalid control character in URL");
  CHECK(why("http://user:secret@h:x?a#b") == "parse \"http://user:***@h:x?a#b\": invalid port \":x\" after host");
  CHECK(why("http://user@h:x/a:b@c") == "parse \"http://user@h:x/a:b@c\": invalid port \":x\" after host");
}

TEST_CASE("a location is read against the URL it came from", "[net][url]") {
  const auto base = parse_url("http://h:8080/a/b?q=1").value();
  CHECK(resolve_url(base, "https://other/x?y") == "https://other/x?y");
  CHECK(resolve_url(base, "//other/x") == "http://other/x");
  CHECK(resolve_url(base, "/x/y") == "http://h:8080/x/y");
  CHECK(resolve_url(base, "c?to=http://e/") == "http://h:8080/a/c?to=http://e/");
  CHECK(resolve_url(base, "../c/") == "http://h:8080/c/");
  CHECK(resolve_url(base, "?r=2") == "http://h:8080/a/b?r=2");
}
