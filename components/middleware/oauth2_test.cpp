// middleware.http.oauth2: the way of a browser to its token, and sessions.

#include "components/middleware/login_sessions.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/middleware_suite.hpp"
#include "tests/fakes/http_server.hpp"

namespace mecha::middleware {
void register_oauth2(Catalog& catalog);
}

using namespace mecha;
using conformance::MiddlewareBench;
using conformance::request_to;
using fakes::HttpServer;
using middleware::LoginSessions;

namespace {

MiddlewareBench bench(const HttpServer& server, MiddlewareBench::Settings more = {}) {
  more.merge(MiddlewareBench::Settings{
      {"clientID", "id"}, {"clientSecret", "s"}, {"scopes", "a,b"}, {"authURL", "http://login/auth?x=1"},
      {"tokenURL", server.url() + "/token"}, {"redirectURL", "http://here/back"}, {"authHeaderName", "x-auth"}});
  return {middleware::register_oauth2, "middleware.http.oauth2", std::move(more)};
}

class Still final : public Clock {
 public:
  Mono now() const override { return time; }
  Mono time{std::chrono::hours(1)};
};

}  // namespace

TEST_CASE("a browser logs in and its requests carry the token", "[middleware][oauth2]") {
  HttpServer server({{"POST /token", {200, R"({"access_token":"tok","token_type":"Bearer"})"}}});
  auto one = bench(server, {{"pathFilter", "^/x"}, {"forceHTTPS", "true"}});
  conformance::middleware(one, request_to("/other"), request_to("/x"));

  const auto sent = one.enter(request_to("/x/y?a=b"));
  REQUIRE(sent.reply.has_value());
  CHECK(sent.reply->status == 302);
  const auto location = std::string(sent.reply->headers.value_or("location"));
  const std::string start = "http://login/auth?x=1&access_type=offline&client_id=id&redirect_uri=http%3A%2F%2Fhere%2Fback&response_type=code&scope=a+b&state=";
  REQUIRE(location.starts_with(start));
  const auto state = location.substr(start.size());
  const auto cookie_line = std::string(sent.reply->headers.value_or("set-cookie"));
  CHECK(cookie_line.find("Domain") == std::string::npos);
  const auto cookie = cookie_line.substr(0, cookie_line.find(';'));

  const auto back = [&](std::string query) {
    return one.enter(request_to("/x?" + query, "GET", {{"Cookie", "other=1; " + cookie}})).reply.value();
  };
  CHECK(back("state=zzz&code=c").body == "invalid state");
  CHECK(back("state=" + state).body == "code not found");
  const auto done = back("code=c&state=" + state);
  CHECK(done.status == 302);
  CHECK(done.headers.value_or("location") == "https://localhost:3500/x/y?a=b");
  CHECK(server.seen().front().body == "code=c&grant_type=authorization_code&redirect_uri=http%3A%2F%2Fhere%2Fback");

  const auto passed = one.enter(request_to("/x/y", "GET", {{"Cookie", cookie}}));
  CHECK_FALSE(passed.reply.has_value());
  CHECK(passed.request.headers.value_or("x-auth") == "Bearer tok");
}

TEST_CASE("a state without a session and a failed exchange are 500", "[middleware][oauth2]") {
  HttpServer server({{"POST /token", {400, "no"}}});
  auto one = bench(server);
  REQUIRE(one.start_error() == "");
  CHECK(one.enter(request_to("/x?state=s&code=c")).reply->status == 500);
  auto request = request_to("/x");
  request.authority = "shop.example.com:80";
  const auto sent = one.enter(request).reply.value();
  const auto cookie = std::string(sent.headers.value_or("set-cookie"));
  CHECK(cookie.find("; Path=/; Domain=shop.example.com; Expires=") != std::string::npos);
  const auto location = std::string(sent.headers.value_or("location"));
  const auto state = location.substr(location.rfind('=') + 1);
  const auto got = one.enter(request_to("/x?code=c&state=" + state, "GET", {{"Cookie", cookie.substr(0, cookie.find(';'))}}));
  CHECK(got.reply->status == 500);
  CHECK(got.reply->body == "Internal Server Error");
}

TEST_CASE("sessions end, and are bounded", "[middleware][oauth2]") {
  Still clock;
  LoginSessions sessions(clock, 3);
  for (const auto* id : {"a", "b", "c", "d"}) sessions.put(id, {.state = id});
  CHECK(sessions.size() == 3);
  CHECK_FALSE(sessions.find("a").has_value());
  CHECK(sessions.find("d")->state == "d");
  clock.time += std::chrono::hours(2);
  CHECK_FALSE(sessions.find("d").has_value());
}
