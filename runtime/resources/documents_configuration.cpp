// Configuration (contract 06, section 3.3). Scalars override what was there, maps merge by field, lists replace.

#include "runtime/base/text.hpp"
#include "runtime/resources/documents.hpp"

namespace mecha::documents {
namespace {

void set(View& view, std::string_view name, std::string& into) {
  const bool given = view.has(name);
  auto value = view.text(name);
  if (given) into = std::move(value);
}
void set(View& view, std::string_view name, bool& into) { into = view.flag(name).value_or(into); }
void set(View& view, std::string_view name, std::optional<bool>& into) {
  if (const auto value = view.flag(name)) into = value;
}
void set(View& view, std::string_view name, std::vector<std::string>& into) {
  const bool given = view.has(name);
  auto value = view.texts(name);
  if (given) into = std::move(value);
}
// A list of maps that replaces `into`; `read` makes one element.
template <class T, class F>
void set_list(View& view, std::string_view name, std::vector<T>& into, F read) {
  const bool given = view.has(name);
  std::vector<T> list;
  for (View& item : view.objects(name)) {
    list.push_back(read(item));
    item.done();
  }
  if (given) into = std::move(list);
}

void read_tracing(View tracing, ConfigurationSpec& into) {
  auto& out = into.tracing;
  set(tracing, "samplingRate", out.sampling_rate);
  set(tracing, "stdout", out.standard_out);
  View zipkin = tracing.object("zipkin");
  set(zipkin, "endpointAddress", out.zipkin_endpoint);
  zipkin.done();
  View otel = tracing.object("otel");
  set(otel, "protocol", out.otel.protocol);
  set(otel, "endpointAddress", out.otel.endpoint);
  set(otel, "isSecure", out.otel.secure);
  set(otel, "headers", out.otel.headers);
  if (const auto limit = otel.text("timeout"); !limit.empty()) {
    const auto value = text::go_duration(limit);
    if (!value) otel.problem_at("timeout", "must be a duration, got " + text::quote(limit));
    out.otel.timeout = value.value_or(out.otel.timeout);
  }
  otel.done();
  tracing.done();
}

SecretScope read_scope(View& view) {
  return {
      .store = view.text("storeName"),
      .default_access = view.text("defaultAccess"),
      .allowed = view.texts("allowedSecrets"),
      .denied = view.texts("deniedSecrets"),
  };
}

AccessPolicy read_policy(View& view) {
  AccessPolicy policy{
      .app_id = view.text("appId"),
      .default_action = view.text("defaultAction"),
      .trust_domain = view.text("trustDomain"),
      .name_space = view.text("namespace"),
  };
  for (View& item : view.objects("operations")) {
    policy.operations.push_back(
        {.name = item.text("name"), .action = item.text("action"), .verbs = item.texts("httpVerb")}
    );
    item.done();
  }
  return policy;
}

HandlerSpec read_handler(View& view) {
  view.raw("selector");
  return {.name = view.text("name"), .type = view.text("type"), .version = view.text("version")};
}

ApiRule read_api_rule(View& view) {
  return {.name = view.text("name"), .version = view.text("version"), .protocol = view.text("protocol")};
}

void read_features(View& spec, ConfigurationSpec& into) {
  const bool given = spec.has("features");
  std::map<std::string, bool, std::less<>> features;
  for (View& item : spec.objects("features")) {
    const auto name = item.text("name");
    features.insert_or_assign(name, item.flag("enabled").value_or(false));
    item.done();
  }
  if (given) into.features = std::move(features);
}

void read_access(View access, ConfigurationSpec& into) {
  set(access, "defaultAction", into.access_control.default_action);
  set(access, "trustDomain", into.access_control.trust_domain);
  set_list(access, "policies", into.access_control.policies, read_policy);
  access.done();
}

void read_resolution(View resolution, ConfigurationSpec& into) {
  set(resolution, "component", into.name_resolution.component);
  set(resolution, "version", into.name_resolution.version);
  if (const auto* node = resolution.raw("configuration")) into.name_resolution.configuration = yaml::to_json(*node);
  resolution.done();
}

void read_logging(View logging, ConfigurationSpec& into) {
  View api = logging.object("apiLogging");
  set(api, "enabled", into.api_logging.enabled);
  set(api, "obfuscateURLs", into.api_logging.obfuscate_urls);
  set(api, "omitHealthChecks", into.api_logging.omit_health_checks);
  api.done();
  logging.done();
}

}  // namespace

void read_metrics(View& metrics, ConfigurationSpec& into) {
  auto& out = into.metric;
  set(metrics, "enabled", out.enabled);
  set(metrics, "recordErrorCodes", out.record_error_codes);
  View http = metrics.object("http");
  set(http, "increasedCardinality", out.increased_cardinality);
  set(http, "pathMatching", out.path_matching);
  set(http, "excludeVerbs", out.exclude_verbs);
  http.done();
  const bool buckets = metrics.has("latencyDistributionBuckets");
  auto list = metrics.numbers("latencyDistributionBuckets");
  if (buckets) out.latency_buckets = std::move(list);
  metrics.raw("workflow");
  if (metrics.has("rules")) out.rules.clear();
  for (View& rule : metrics.objects("rules")) {
    const auto metric = rule.text("name");
    for (View& label : rule.objects("labels")) {
      const auto name = label.text("name");
      for (auto& [replacement, pattern] : label.text_map("regex")) {
        out.rules.push_back({.metric = metric, .label = name, .replacement = replacement, .pattern = pattern});
      }
      label.done();
    }
    rule.done();
  }
  metrics.done();
}

void read_configuration(View& spec, ConfigurationSpec& into) {
  read_tracing(spec.object("tracing"), into);
  View metric = spec.object("metric");
  read_metrics(metric, into);
  spec.raw("metrics");
  View secrets = spec.object("secrets");
  set_list(secrets, "scopes", into.secret_scopes, read_scope);
  secrets.done();
  read_access(spec.object("accessControl"), into);
  read_resolution(spec.object("nameResolution"), into);
  View outer = spec.object("httpPipeline");
  set_list(outer, "handlers", into.http_pipeline, read_handler);
  outer.done();
  View inner = spec.object("appHttpPipeline");
  set_list(inner, "handlers", into.app_http_pipeline, read_handler);
  inner.done();
  View api = spec.object("api");
  set_list(api, "allowed", into.api_allowed, read_api_rule);
  set_list(api, "denied", into.api_denied, read_api_rule);
  api.done();
  read_features(spec, into);
  View components = spec.object("components");
  set(components, "deny", into.denied_components);
  components.done();
  read_logging(spec.object("logging"), into);
  for (const auto* later : {"mtls", "wasm", "workflow"}) spec.raw(later);
  spec.done();
}

}  // namespace mecha::documents
