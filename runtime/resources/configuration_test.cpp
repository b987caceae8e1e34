// Configuration files: defaults, expansion, several files, what ends the start.

#include <filesystem>
#include <fstream>

#include "runtime/base/text.hpp"
#include "runtime/resources/loader.hpp"
#include "tests/catch.hpp"

using namespace mecha;

namespace {

const Environment kNone = [](const std::string& name) -> std::optional<std::string> {
  if (name == "MYFEAT") return "FromEnv";
  return std::nullopt;
};

ConfigurationSpec good(std::vector<std::string> texts, std::vector<Notice>* notices = nullptr) {
  std::vector<std::pair<std::string, std::string>> files;
  for (auto& text : texts) files.emplace_back("c" + std::to_string(files.size()) + ".yaml", text);
  std::vector<Notice> heard;
  auto result = loading::read_configurations(files, kNone, heard);
  INFO((result ? "" : result.error().message));
  REQUIRE(result);
  if (notices != nullptr) *notices = heard;
  return *result;
}

// Through a real file, as the daemon does it.
std::string fatal(const std::string& text) {
  const auto path = std::filesystem::temp_directory_path() / ("mecha-configuration-" + text::uuid());
  std::ofstream(path) << text;
  std::vector<Notice> notices;
  const auto result = load_configuration({path.string()}, kNone, notices);
  std::filesystem::remove(path);
  REQUIRE(!result);
  REQUIRE(result.error().message.starts_with("error loading configuration: "));
  return result.error().message.substr(29);
}

}  // namespace

TEST_CASE("without files it is the default configuration", "[resources][configuration]") {
  std::vector<Notice> notices;
  const auto c = load_configuration({}, kNone, notices);
  REQUIRE(c);
  CHECK(c->metric.enabled);
  CHECK(c->tracing.otel.secure);
  CHECK(c->access_control.default_action == "allow");
  CHECK(c->access_control.trust_domain == "public");
  CHECK(feature_enabled(*c, "HotReload"));
  CHECK(feature_enabled(*c, "WorkflowsRemoteActivityReminder"));
  CHECK(!feature_enabled(*c, "ActorStateTTL"));
}

TEST_CASE("every section is read", "[resources][configuration]") {
  std::vector<Notice> notices;
  const auto c = good({R"(
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: daprConfig}
spec:
  tracing:
    samplingRate: 1
    stdout: true
    zipkin: {endpointAddress: "http://host:9411"}
    otel: {protocol: grpc, endpointAddress: "host:4317", isSecure: false, headers: ["k=v"], timeout: 10s}
  metric:
    enabled: true
    recordErrorCodes: true
    http: {increasedCardinality: false, pathMatching: ["/orders/{id}"], excludeVerbs: true}
    latencyDistributionBuckets: [5, 50, 500]
    rules: [{name: m, labels: [{name: path, regex: {"/orders/{id}": "/orders/.+"}}]}]
  mtls: {enabled: true, anything: 1}
  secrets: {scopes: [{storeName: s, defaultAccess: deny, allowedSecrets: [a], deniedSecrets: [b]}]}
  accessControl:
    defaultAction: deny
    policies: [{appId: caller, defaultAction: deny, trustDomain: public, namespace: default, operations: [{name: /x, httpVerb: ["POST"], action: allow}]}]
  nameResolution: {component: sqlite, version: v1, configuration: {connectionString: a, k: 5}}
  httpPipeline: {handlers: [{name: rl, type: middleware.http.ratelimit, version: v1, selector: {}}]}
  appHttpPipeline: {handlers: []}
  api: {allowed: [{name: state, version: v1.0, protocol: http}], denied: []}
  features: [{name: HotReload, enabled: false}]
  components: {deny: ["bindings.smtp"]}
  logging: {apiLogging: {enabled: false, obfuscateURLs: true, omitHealthChecks: true}}
  wasm: {strictSandbox: false}
  workflow: {}
)"}, &notices);
  CHECK(c.tracing.sampling_rate == "1");
  CHECK(c.tracing.otel.timeout == std::chrono::seconds(10));
  CHECK(c.tracing.otel.headers == std::vector<std::string>{"k=v"});
  CHECK(!c.tracing.otel.secure);
  CHECK(c.metric.increased_cardinality == false);
  CHECK(c.metric.latency_buckets == std::vector<double>{5, 50, 500});
  REQUIRE(c.metric.rules.size() == 1);
  CHECK(c.metric.rules[0].replacement == "/orders/{id}");
  CHECK(c.metric.rules[0].pattern == "/orders/.+");
  REQUIRE(c.secret_scopes.size() == 1);
  CHECK(c.secret_scopes[0].denied == std::vector<std::string>{"b"});
  CHECK(c.access_control.policies[0].operations[0].verbs == std::vector<std::string>{"POST"});
  CHECK(json::write(c.name_resolution.configuration) == R"({"connectionString":"a","k":5})");
  CHECK(c.http_pipeline[0].type == "middleware.http.ratelimit");
  CHECK(c.api_allowed[0].version == "v1.0");
  CHECK(c.denied_components == std::vector<std::string>{"bindings.smtp"});
  CHECK(c.api_logging.enabled == false);
  CHECK(notices.empty());
}

TEST_CASE("a later file is decoded on top of the earlier", "[resources][configuration]") {
  const auto c = good({
      "spec: {features: [{name: First, enabled: true}], logging: {apiLogging: {enabled: true}}, tracing: {samplingRate: '1', stdout: true}}",
      "kind: Whatever\nspec:\n  features: [{name: \"$MYFEAT\", enabled: true}, {name: \"x$\", enabled: true}]\n  tracing: {samplingRate: '0.5'}\n---\nspec: {features: []}\n",
  });
  CHECK(c.features == std::map<std::string, bool, std::less<>>{{"FromEnv", true}, {"x$", true}});
  CHECK(c.api_logging.enabled == true);
  CHECK(c.tracing.sampling_rate == "0.5");
  CHECK(c.tracing.standard_out);
}

TEST_CASE("metrics overrides metric field by field", "[resources][configuration]") {
  const auto c = good({"spec: {metrics: {recordErrorCodes: true}}", "spec: {metric: {recordErrorCodes: false, enabled: false}}"});
  CHECK(c.metric.record_error_codes);
  CHECK(!c.metric.enabled);
}

TEST_CASE("unknown fields of a configuration are told with their place", "[resources][configuration]") {
  std::vector<Notice> notices;
  good({"spec:\n  tracing:\n    sampling: 1\n"}, &notices);
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].text == "c0.yaml:3: spec.tracing.sampling is not a field of Configuration");
}

TEST_CASE("what ends the start says why", "[resources][configuration]") {
  CHECK(fatal("spec: {secrets: {scopes: [{storeName: a}, {storeName: a}]}}") == "a storeName is repeated in secrets configuration");
  CHECK(
      fatal("spec: {secrets: {scopes: [{storeName: a, defaultAccess: maybe}]}}") ==
      "defaultAccess maybe can be either allow or deny"
  );
  CHECK(!fatal("{a").empty());
  CHECK(
      fatal("spec: {tracing: {stdout: x, otel: {timeout: y}}}").find(
          "line 1: spec.tracing.stdout must be a boolean, got a text"
      ) != std::string::npos
  );
  std::vector<Notice> notices;
  const auto missing = load_configuration({"/nowhere.yaml"}, kNone, notices);
  REQUIRE(!missing);
  CHECK(missing.error().message.starts_with("error loading configuration: "));
}
