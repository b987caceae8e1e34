// crypto.dapr.kubernetes.secrets against a scripted API server: the contract of providers, and how keys are named.

#include "runtime/base/text.hpp"
#include "tests/conformance/crypto_suite.hpp"
#include "tests/conformance/kube_files.hpp"
#include "tests/fakes/http_server.hpp"

namespace mecha::crypto {
void register_dapr_kubernetes_secrets(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::crypto;
using conformance::config_text;
using conformance::Folder;
using fakes::HttpServer;

namespace {

constexpr auto kType = "crypto.dapr.kubernetes.secrets";

std::string secret(std::string_view type, const std::map<std::string, std::string_view>& items) {
  json::Object data;
  for (const auto& [name, bytes] : items) data[name] = text::base64(bytes);
  return json::write(json::Value(json::Object{{"kind", "Secret"}, {"type", std::string(type)}, {"data", std::move(data)}}));
}

HttpServer::Routes routes() {
  return {
      {"GET /api/v1/namespaces/ns1/secrets/keys", {200, secret("Opaque", {{"octets", conformance::kOctets}, {"rsa.pem", conformance::kRsaPem}, {"ec", conformance::kEcPem}})}},
      {"GET /api/v1/namespaces/ns2/secrets/keys", {200, secret("application/json", {{"rsa", conformance::kRsaJwk}, {"text", "no JSON"}})}},
      {"GET /api/v1/namespaces/ns1/secrets/none", {404, R"({"kind":"Status","message":"secrets \"none\" not found","code":404})"}},
  };
}

}  // namespace

TEST_CASE("crypto.dapr.kubernetes.secrets keeps the contract of providers", "[crypto][kubernetes]") {
  HttpServer server(routes());
  const Folder folder;
  conformance::CryptoStage stage(register_dapr_kubernetes_secrets);
  const auto provider = stage.start(kType, {{.name = "kubeconfigPath", .value = folder.write("config", config_text(server.url()))}, {.name = "defaultNamespace", .value = "ns1"}});
  REQUIRE(provider);
  conformance::crypto_provider(stage, **provider, {.octets = "keys/octets", .rsa = "ns1/keys/rsa.pem", .ec = "keys/ec"});
  // Read at every use.
  const auto before = server.seen().size();
  CHECK(stage.run((*provider)->get_key("keys/ec")).value().id == "keys/ec");
  CHECK(stage.run((*provider)->get_key("keys/ec")));
  CHECK(server.seen().size() == before + 2);
}

TEST_CASE("the type of a Secret says what its keys are", "[crypto][kubernetes]") {
  HttpServer server(routes());
  const Folder folder;
  conformance::CryptoStage stage(register_dapr_kubernetes_secrets);
  const auto provider = stage.start(kType, {{.name = "kubeconfigPath", .value = folder.write("config", config_text(server.url()))}});
  REQUIRE(provider);
  CHECK(stage.run((*provider)->get_key("ns2/keys/rsa")));
  const auto error = [&](const std::string& name) { return stage.run((*provider)->get_key(name)).error().message; };
  CHECK_THAT(error("ns2/keys/text"), Catch::StartsWith("failed to parse key from secret: "));
  CHECK(error("ns1/none/rsa") == R"(secrets "none" not found)");
  CHECK(error("ns1/keys/other") == "key not found");
  CHECK(error("ns1/../rsa") == R"(invalid resource name "..": [may not be '..'])");
  CHECK(error("keys/rsa") == R"(key name "keys/rsa" has no namespace, and no default namespace is set)");
  for (const auto* bad : {"rsa", "a/b/c/d", "ns1//rsa", "ns1/keys/"}) CHECK_THAT(error(bad), Catch::Contains("is not of the form"));
}
