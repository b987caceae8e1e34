// middleware.http.bearer: where the keys come from, and what a start without them says. Signatures: components/jose; recorded
// tokens: the vectors.

#include "tests/catch.hpp"
#include "tests/conformance/middleware_suite.hpp"
#include "tests/fakes/http_server.hpp"

namespace mecha::middleware {
void register_bearer(Catalog& catalog);
}

using namespace mecha;
using conformance::MiddlewareBench;
using conformance::request_to;
using fakes::HttpServer;

namespace {

// The public key of RFC 8037, appendix A.
constexpr const char* kKeys = R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

std::string start_error(MiddlewareBench::Settings settings) {
  return MiddlewareBench(middleware::register_bearer, "middleware.http.bearer", std::move(settings)).start_error();
}

std::string configuration(const std::string& issuer, const std::string& keys) {
  return R"({"issuer":")" + issuer + R"(","jwks_uri":")" + keys + "\"}";
}

}  // namespace

TEST_CASE("middleware.http.bearer finds its keys by the configuration of the issuer, and refuses", "[middleware][bearer]") {
  HttpServer server({{"GET /keys", {200, kKeys}}});
  const auto issuer = server.url() + "/";
  server.route("GET /.well-known/openid-configuration", {200, configuration(issuer, server.url() + "/keys")});
  MiddlewareBench bench(middleware::register_bearer, "middleware.http.bearer", {{"issuerURL", issuer}, {"clientID", "me"}});
  REQUIRE(bench.start_error() == "");
  for (const auto* header : {"", "Bearer", "Bearer abc", "Basic ZGFwci1hcHAtaWQ6YXBw", "Bearer aaaa.bbbb.cccc"}) {
    const auto got = bench.enter(request_to("/v1.0/healthz", "GET", {{"Authorization", header}}));
    REQUIRE(got.reply.has_value());
    CHECK(got.reply->status == 401);
    CHECK(got.reply->body == "Unauthorized");
  }
}

TEST_CASE("a start without keys says why", "[middleware][bearer]") {
  HttpServer server({{"GET /keys", {200, kKeys}}, {"GET /none", {200, "{}"}}});
  const auto issuer = server.url();
  const auto error = [&](std::string jwks) { return start_error({{"issuer", issuer}, {"audience", "me"}, {"jwksURL", std::move(jwks)}}); };
  CHECK(start_error({{"audience", "me"}}) == "metadata property 'issuer' is required");
  CHECK(start_error({{"issuer", issuer}}) == "metadata property 'audience' is required");
  CHECK(error(issuer + "/keys") == "");
  CHECK(error(issuer + "/gone").find("invalid response status code") == 0);
  CHECK(error(issuer + "/none").find("it is no JSON Web Key Set") != std::string::npos);
  CHECK(error("") != "");
  server.route("GET /.well-known/openid-configuration", {200, configuration("other", issuer + "/keys")});
  CHECK(error("") == "the OpenID configuration is of issuer \"other\", not \"" + issuer + "\"");
  server.route("GET /.well-known/openid-configuration", {200, "{}"});
  CHECK(error("") == "the OpenID configuration has no jwks_uri");
}
