#include "runtime/security/access_control.hpp"

#include "tests/catch.hpp"

namespace mecha::security {
namespace {

constexpr std::string_view kCaller = "spiffe://td/ns/shop/caller";

AccessPolicy policy(std::string default_action, std::vector<AccessOperation> operations = {}) {
  return {"caller", std::move(default_action), "td", "shop", std::move(operations)};
}

std::shared_ptr<const AccessControl> make(
    std::string default_action, std::vector<AccessPolicy> policies = {}
) {
  AccessControl::Spec spec;
  spec.default_action = std::move(default_action);
  spec.policies = std::move(policies);
  return AccessControl::make(spec).value();
}

bool http(
    const AccessControl& access,
    std::string_view operation,
    std::string_view verb,
    std::string_view id = kCaller
) {
  return access.check(id, operation, verb, true).has_value();
}
bool grpc(const AccessControl& access, std::string_view operation, std::string_view id = kCaller) {
  return access.check(id, operation, "NONE", false).has_value();
}

TEST_CASE("every incomplete policy is named", "[security][acl]") {
  AccessControl::Spec spec;
  spec.policies = {
      {"a", "allow", "", "", {}},
      {"b", "", "x", "", {}},
      {"", "", "x", "y", {}},
      {"c", "", "", "y", {}}
  };
  const auto made = AccessControl::make(spec);
  REQUIRE_FALSE(made);
  CHECK(
      made.error().message ==
      "invalid access control spec. missing trustdomain for apps: [a c], missing namespace for "
      "apps: [a b], missing app "
      "name on at least one of the app policies: true"
  );
  spec.policies = {{"b", "", "", "y", {}}};
  CHECK(
      AccessControl::make(spec).error().message ==
      "invalid access control spec. missing trustdomain for apps: [b], missing namespace for apps: "
      "[], missing app name "
      "on at least one of the app policies: false"
  );
}

TEST_CASE("without an identity the global default decides", "[security][acl]") {
  const auto denies = make("deny", {policy("allow")});
  const auto result = denies->check("", "a b/C", "POST", true);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::permission_denied);
  CHECK(
      result.error().message ==
      "access control policy has denied access to id:  operation: a b/C verb: POST"
  );
  CHECK(make("ALLOW", {policy("deny")})->check("", "x", "GET", true));
  CHECK_FALSE(make("yes")->check("", "x", "GET", true));
}

TEST_CASE("an emptied default denies as soon as there are policies", "[security][acl]") {
  CHECK(http(*make(""), "x", "GET", ""));
  CHECK_FALSE(http(*make("", {policy("allow")}), "x", "GET", ""));
}

TEST_CASE(
    "a caller without a policy, or of another domain, gets the global default", "[security][acl]"
) {
  const auto access = make("allow", {policy("deny")});
  CHECK_FALSE(http(*access, "x", "GET"));
  CHECK(http(*access, "x", "GET", "spiffe://td/ns/shop/other"));
  CHECK(http(*access, "x", "GET", "spiffe://td/ns/else/caller"));
  CHECK(http(*access, "x", "GET", "spiffe://other/ns/shop/caller"));
}

TEST_CASE("a malformed identity is refused", "[security][acl]") {
  for (const auto* id :
       {"caller",
        "spiffe://td/shop/caller",
        "spiffe://td/ns/shop/",
        "spiffe://td/ns/shop/a/b",
        "http://td/ns/shop/a"}) {
    const auto result = make("allow")->check(id, "x", "GET", true);
    REQUIRE_FALSE(result);
    CHECK(result.error().message == "malformed SPIFFE ID: " + std::string(id));
  }
}

TEST_CASE("a policy without a default falls back to the global one", "[security][acl]") {
  CHECK(http(*make("allow", {policy("")}), "x", "GET"));
  CHECK_FALSE(http(*make("deny", {policy("")}), "x", "GET"));
}

TEST_CASE("of two policies for one caller the later replaces the former", "[security][acl]") {
  CHECK(http(*make("deny", {policy("deny", {{"/x", "deny", {"*"}}}), policy("allow")}), "x", "GET")
  );
}

TEST_CASE("HTTP operations compare without case and by verb", "[security][acl]") {
  const auto access =
      make("deny", {policy("deny", {{"/Op1", "allow", {"POST", "get"}}, {"op2", "allow", {"*"}}})});
  CHECK(http(*access, "op1", "POST"));
  CHECK(http(*access, "/OP1", "POST"));
  CHECK_FALSE(http(*access, "op1", "GET"));
  CHECK_FALSE(http(*access, "op1", "PUT"));
  CHECK(http(*access, "op2", "PUT"));
  CHECK_FALSE(http(*access, "op3", "PUT"));
}

TEST_CASE("an operation can deny what the policy allows", "[security][acl]") {
  const auto access = make("allow", {policy("allow", {{"/op", "deny", {"DELETE"}}})});
  CHECK_FALSE(http(*access, "op", "DELETE"));
  CHECK(http(*access, "op", "GET"));
}

TEST_CASE("the verb NONE on an HTTP operation gets the policy's default", "[security][acl]") {
  CHECK_FALSE(http(*make("allow", {policy("", {{"/op", "allow", {"*"}}})}), "op", "NONE"));
  CHECK(http(*make("deny", {policy("allow", {{"/op", "deny", {"*"}}})}), "op", "NONE"));
}

TEST_CASE("gRPC operations compare with case and ignore verbs", "[security][acl]") {
  const auto access = make("deny", {policy("deny", {{"/pkg.Service/Method", "allow", {}}})});
  CHECK(grpc(*access, "/pkg.Service/Method"));
  CHECK(grpc(*access, "pkg.Service/Method"));
  CHECK_FALSE(grpc(*access, "/pkg.service/method"));
}

TEST_CASE("patterns: one last segment, any remainder, a star inside a segment", "[security][acl]") {
  OperationTrie trie;
  trie.insert("/one/*", {"one", {}});
  trie.insert("/deep/**", {"deep", {}});
  trie.insert("/a*z/x", {"inside", {}});
  trie.insert("/m/*/end", {"middle", {}});
  const auto action = [&](std::string_view path) {
    const auto* found = trie.find(path);
    return found == nullptr ? std::string("-") : found->action;
  };
  CHECK(action("/one/x") == "one");
  CHECK(action("/one/x/y") == "-");
  CHECK(action("/one") == "-");
  CHECK(action("/deep/x") == "deep");
  CHECK(action("/deep/x/y/z") == "deep");
  CHECK(action("/deep") == "-");
  CHECK(action("/abcz/x") == "inside");
  CHECK(action("/az/x") == "inside");
  CHECK(action("/abc/x") == "-");
  CHECK(action("/m/1/end") == "middle");
  CHECK(action("/m/1/2/end") == "-");
}

TEST_CASE("of several patterns the first inserted wins", "[security][acl]") {
  OperationTrie trie;
  trie.insert("/a/*", {"star", {}});
  trie.insert("/a/b", {"exact", {}});
  trie.insert("/a/*", {"again", {}});
  CHECK(trie.find("/a/b")->action == "star");
}

TEST_CASE("decisions are counted with the caller as app_id", "[security][acl]") {
  Metrics metrics({.app_id = "callee"});
  AccessControl::Spec spec;
  spec.default_action = "deny";
  spec.policies = {policy("allow")};
  const auto access = AccessControl::make(spec, &metrics).value();
  CHECK(access->check(kCaller, "x", "GET", true));
  CHECK_FALSE(access->check("", "x", "GET", true));
  const std::string text = metrics.text();
  CHECK(
      text.find("dapr_runtime_acl_app_policy_action_allowed_total{app_id=\"caller\",namespace="
                "\"shop\",trustDomain=\"td\"} 1\n") != std::string::npos
  );
  CHECK(
      text.find("dapr_runtime_acl_global_policy_action_blocked_total{app_id=\"\",namespace=\"\","
                "trustDomain=\"\"} 1\n") != std::string::npos
  );
}

}  // namespace
}  // namespace mecha::security
