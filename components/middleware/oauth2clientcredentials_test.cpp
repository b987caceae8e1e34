// middleware.http.oauth2clientcredentials against a scripted token endpoint.

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/middleware_suite.hpp"
#include "tests/fakes/http_server.hpp"

namespace mecha::middleware {
void register_oauth2clientcredentials(Catalog& catalog);
}

using namespace mecha;
using conformance::MiddlewareBench;
using conformance::request_to;
using fakes::HttpServer;

namespace {

MiddlewareBench bench(const HttpServer& server, MiddlewareBench::Settings more = {}) {
  more.merge(MiddlewareBench::Settings{{"clientID", "me:"}, {"clientSecret", "s&"}, {"scopes", "a,b"}, {"tokenURL", server.url() + "/token"}, {"headerName", "x-token"}});
  return {middleware::register_oauth2clientcredentials, "middleware.http.oauth2clientcredentials", std::move(more)};
}

HttpServer endpoint(std::string body, unsigned status = 200) { return HttpServer({{"POST /token", {status, std::move(body)}}}); }

}  // namespace

TEST_CASE("middleware.http.oauth2clientcredentials adds one token to many requests", "[middleware][oauth2clientcredentials]") {
  auto server = endpoint(R"({"access_token":"tok","token_type":"bearer","expires_in":3600})");
  auto one = bench(server, {{"authStyle", "1"}, {"endpointParamsQuery", "x=y%20z"}});
  conformance::middleware(one, request_to("/x"), {});
  CHECK(one.enter(request_to("/x")).request.headers.value_or("x-token") == "Bearer tok");
  REQUIRE(server.seen().size() == 1);
  CHECK(server.seen().front().body == "client_id=me%3A&client_secret=s%26&grant_type=client_credentials&scope=a+b&x=y+z");
}

TEST_CASE("further fields may name another grant", "[middleware][oauth2clientcredentials]") {
  auto server = endpoint(R"({"access_token":"tok"})");
  auto one = bench(server, {{"authStyle", "1"}, {"endpointParamsQuery", "grant_type=password&username=u"}});
  REQUIRE(one.start_error() == "");
  (void)one.enter(request_to("/x"));
  CHECK(server.seen().front().body == "client_id=me%3A&client_secret=s%26&grant_type=password&scope=a+b&username=u");
}

TEST_CASE("credentials in a header are escaped", "[middleware][oauth2clientcredentials]") {
  auto server = endpoint(R"({"access_token":"tok","expires_in":"60"})");
  auto one = bench(server);
  REQUIRE(one.start_error() == "");
  CHECK(one.enter(request_to("/x")).request.headers.value_or("x-token") == "Bearer tok");
  CHECK(server.seen().front().headers.at("authorization") == "Basic " + text::base64("me%3A:s%26"));
}

TEST_CASE("without a token the request ends in an empty answer", "[middleware][oauth2clientcredentials]") {
  auto server = endpoint("no", 403);
  auto one = bench(server, {{"pathFilter", "^/x"}});
  conformance::middleware(one, request_to("/y"), request_to("/x"));
  const auto got = one.enter(request_to("/x"));
  CHECK(got.reply->status == 200);
  CHECK(got.reply->body.empty());
  CHECK(server.seen().size() == 4);  // each time by header and by form
}

TEST_CASE("what is missing is told all at once", "[middleware][oauth2clientcredentials]") {
  MiddlewareBench empty(middleware::register_oauth2clientcredentials, "middleware.http.oauth2clientcredentials", {{"clientID", "a"}, {"scopes", "b"}});
  CHECK(empty.start_error() ==
        "metadata errors: Parameter 'headerName' needs to be set. Parameter 'clientSecret' needs to be set. Parameter 'tokenURL' needs to be set. ");
  const auto server = endpoint("");
  CHECK(bench(server, {{"authStyle", "3"}}).start_error() ==
        "metadata errors: Parameter 'authStyle' can only have the values 0,1,2. Received: '3'. ");
}
