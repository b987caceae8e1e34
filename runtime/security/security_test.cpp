// The decisions that need no state: API token, secret scopes, API lists.

#include <array>

#include "runtime/security/api_rules.hpp"
#include "runtime/security/api_token.hpp"
#include "runtime/security/secret_scopes.hpp"
#include "tests/catch.hpp"

namespace mecha::security {
namespace {

bool admits(std::string_view method, std::string_view path, net::Headers headers = {}) {
  return api_token_admits("secret", method, path, headers);
}

TEST_CASE("a request needs the token in any spelling of the header's name", "[security]") {
  CHECK_FALSE(admits("GET", "/v1.0/metadata"));
  CHECK_FALSE(admits("GET", "/v1.0/metadata", {{"dapr-api-token", "wrong"}}));
  CHECK_FALSE(admits("GET", "/v1.0/metadata", {{"dapr-api-token", "secre"}}));
  CHECK_FALSE(admits("GET", "/v1.0/metadata", {{"dapr-api-token", ""}}));
  CHECK(admits("GET", "/v1.0/metadata", {{"Dapr-Api-Token", "secret"}}));
}

TEST_CASE("of a repeated token the first counts", "[security]") {
  CHECK(admits("GET", "/x", {{"dapr-api-token", "secret"}, {"dapr-api-token", "wrong"}}));
  CHECK_FALSE(admits("GET", "/x", {{"dapr-api-token", "wrong"}, {"dapr-api-token", "secret"}}));
}

TEST_CASE("GET of the health routes needs no token, nothing else is exempt", "[security]") {
  for (const auto* path :
       {"/v1.0/healthz",
        "/v1.0/healthz/",
        "//v1.0/healthz",
        "/v1.0/healthz/outbound",
        "/v1.0/healthz/outbound/"}) {
    CHECK(admits("GET", path));
    CHECK_FALSE(admits("POST", path));
  }
  for (const auto* path :
       {"/v1.0//healthz",
        "/v1.0/healthz/x",
        "/v1.0/health%7A",
        "/v1.0/x/../healthz",
        "/v1.0/Healthz",
        "/healthz",
        "/"}) {
    CHECK_FALSE(admits("GET", path));
  }
}

TEST_CASE("secret scopes: the allowed list, then the denied one, then the default", "[security]") {
  const std::array<SecretScope, 4> scopes{
      {{"listed", "deny", {"open"}, {}},
       {"most", "", {}, {"closed"}},
       {"none", "Deny", {}, {}},
       {"only", "allow", {"open", "closed"}, {"closed"}}}
  };
  CHECK(secret_allowed(scopes, "listed", "open"));
  CHECK_FALSE(secret_allowed(scopes, "listed", "also"));
  CHECK_FALSE(secret_allowed(scopes, "most", "closed"));
  CHECK(secret_allowed(scopes, "most", "also"));
  CHECK_FALSE(secret_allowed(scopes, "none", "open"));
  CHECK(secret_allowed(scopes, "only", "closed"));
  CHECK_FALSE(secret_allowed(scopes, "only", "also"));
  CHECK(secret_allowed(scopes, "unnamed", "also"));
  CHECK(secret_allowed({}, "any", "also"));
}

const std::vector<ApiRule> kNone;

TEST_CASE("without rules every route is registered", "[security]") {
  CHECK(HttpApiRules(kNone, kNone).registers("/v1.0/state/{storeName}", "v1/state"));
}

TEST_CASE("an allow list of HTTP switches all else off, but not health", "[security]") {
  const std::vector<ApiRule> allowed{
      {"state", "v1", "HTTP"}, {"metadata", "v1.0", "http"}, {"secrets", "v1", "grpc"}
  };
  const HttpApiRules rules(allowed, kNone);
  CHECK(rules.registers("/v1.0/state/{storeName}", "v1/state"));
  CHECK(rules.registers("/v1.0/metadata", "v1/metadata"));
  CHECK(rules.registers("/v1.0/healthz", "v1/healthz", true));
  CHECK_FALSE(rules.registers("/v1.0/secrets/{secretStoreName}/{key}", "v1/secrets"));
  CHECK_FALSE(rules.registers("/v1.0-alpha1/state/{storeName}/query", "v1alpha1/state"));
}

TEST_CASE("rules of gRPC alone leave HTTP alone", "[security]") {
  const std::vector<ApiRule> allowed{{"state", "v1", "grpc"}};
  CHECK(HttpApiRules(allowed, allowed)
            .registers("/v1.0/secrets/{secretStoreName}/{key}", "v1/secrets"));
}

TEST_CASE("denied goes before allowed and knows groups and plain prefixes", "[security]") {
  const std::vector<ApiRule> allowed{{"state", "v1", "http"}, {"secrets", "v1", "http"}};
  const std::vector<ApiRule> denied{
      {"state/{storeName}/bulk", "v1.0", "http"},
      {"secret", "v1.0", "http"},
      {"healthz", "v1", "http"}
  };
  const HttpApiRules rules(allowed, denied);
  CHECK(rules.registers("/v1.0/state/{storeName}/{key}", "v1/state"));
  CHECK_FALSE(rules.registers("/v1.0/state/{storeName}/bulk", "v1/state"));
  CHECK_FALSE(rules.registers("/v1.0/secrets/{secretStoreName}/{key}", "v1/secrets"));
  CHECK(rules.registers("/v1.0/healthz", "v1/healthz", true));
  const std::vector<ApiRule> group{{"state", "v1", "http"}};
  CHECK_FALSE(HttpApiRules(kNone, group).registers("/v1.0/state/{storeName}", "v1/state"));
  CHECK(
      HttpApiRules(kNone, group).registers("/v1.0-alpha1/state/{storeName}/query", "v1alpha1/state")
  );
}

}  // namespace
}  // namespace mecha::security
