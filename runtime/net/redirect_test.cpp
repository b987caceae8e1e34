#include "runtime/net/redirect.hpp"

#include "tests/catch.hpp"

using namespace mecha::net;

namespace {

// One request on its way.
struct Traveller {
  explicit Traveller(std::string_view url, bool body = false)
      : method(body ? "POST" : "GET"), has_body(body), way(parse_url(url).value(), {"X-Key"}) {
    for (const char* name : {"Authorization", "COOKIE", "Cookie2", "Www-Authenticate", "Proxy-Authorization", "Proxy-Authenticate"}) {
      headers.add(name, "secret");
    }
    headers.add("x-key", "secret");
    headers.add("X-Vault-Token", "secret");
    headers.add("dapr-api-token", "secret");
    headers.add("Content-Type", "text/plain");
    headers.add("Accept", "*/*");
  }

  // The error, or empty.
  std::string follow(std::string_view location, unsigned status = 302) {
    RedirectedRequest request{.method = method, .headers = headers, .has_body = has_body};
    const auto went = way.follow(location, status, request);
    has_body = request.has_body;
    return went ? std::string() : went.error().message;
  }
  bool knows_the_login() const { return headers.has("authorization") && headers.has("cookie"); }

  std::string method;
  bool has_body;
  Headers headers;
  Redirects way;
};

}  // namespace

TEST_CASE("what belongs to a host goes to it and to those below it, and nowhere else", "[net][redirect]") {
  struct Row {
    const char* first;
    const char* location;
    bool kept;
  };
  for (const auto& [first, location, kept] : {
           Row{"http://a.example/x", "/y", true},
           Row{"http://a.example/x", "http://A.EXAMPLE:81/y", true},  // ports do not count in the reference's client
           Row{"http://a.example/x", "https://a.example/y", true},
           Row{"http://a.example/x", "http://b.a.example/y", true},
           Row{"http://a.example/x", "http://example/y", false},
           Row{"http://a.example/x", "http://ba.example/y", false},
           Row{"http://a.example/x", "//b.example/y", false},
           Row{"http://a.example/x", "http://a.example@b.example/y", false},
           Row{"http://a.example/x", "http://a.example.b.example/y", false},
           Row{"http://127.0.0.1/x", "http://localhost/y", false},
           Row{"http://[::1]/x", "http://[::1]:81/y", true},
           Row{"http://[::1]/x", "http://[fe80::1]/y", false},
           Row{"https://a.example/x", "https://a.example/y", true},
           Row{"https://a.example/x", "http://a.example/y", false},
           Row{"https://a.example/x", "http://b.a.example/y", false},
       }) {
    INFO(first << " -> " << location);
    Traveller one(first);
    REQUIRE(one.follow(location).empty());
    CHECK(one.knows_the_login() == kept);
    for (const char* name : {"cookie2", "www-authenticate", "proxy-authorization", "proxy-authenticate", "x-key"}) {
      CHECK(one.headers.has(name) == kept);
    }
    CHECK(one.headers.has("accept"));
  }
}

TEST_CASE("what was left behind does not come back with the way", "[net][redirect]") {
  Traveller one("http://a.example/x");
  REQUIRE(one.follow("http://b.a.example/").empty());
  REQUIRE(one.follow("http://a.example/").empty());
  CHECK(one.knows_the_login());
  REQUIRE(one.follow("http://b.example/").empty());
  REQUIRE(one.follow("http://a.example/").empty());
  CHECK_FALSE(one.knows_the_login());
}

TEST_CASE("tokens of a service follow it to its other servers, but never without TLS", "[net][redirect]") {
  Traveller one("https://a.example/x");
  REQUIRE(one.follow("https://b.example/").empty());
  CHECK((one.headers.has("x-vault-token") && one.headers.has("dapr-api-token")));
  REQUIRE(one.follow("http://b.example/").empty());
  CHECK_FALSE((one.headers.has("x-vault-token") || one.headers.has("dapr-api-token")));
}

TEST_CASE("301, 302 and 303 ask anew, 307 and 308 repeat", "[net][redirect]") {
  for (const unsigned status : {301, 302, 303}) {
    Traveller one("http://a.example/x", true);
    REQUIRE(one.follow("/y", status).empty());
    CHECK(one.method == "GET");
    CHECK_FALSE((one.has_body || one.headers.has("content-type")));
  }
  for (const unsigned status : {307, 308}) {
    Traveller one("http://a.example/x", true);
    REQUIRE(one.follow("/y", status).empty());
    CHECK(one.method == "POST");
    CHECK((one.has_body && one.headers.has("content-type")));
  }
  Traveller head("http://a.example/x");
  head.method = "HEAD";
  REQUIRE(head.follow("/y", 303).empty());
  CHECK(head.method == "HEAD");
}

TEST_CASE("a redirect that cannot be followed says why", "[net][redirect]") {
  Traveller open("https://a.example/x", true);
  CHECK(open.follow("http://a.example/y", 307) == R"(the redirect to "http://a.example/y" would send the body without TLS)");
  CHECK(Traveller("http://a.example/x").follow("ftp://a.example/") == R"(unsupported protocol scheme "ftp")");
  Traveller loop("http://a.example/x");
  for (int i = 0; i < 10; ++i) CHECK(loop.follow("/x").empty());
  CHECK(loop.follow("/x") == "stopped after 10 redirects");
}
