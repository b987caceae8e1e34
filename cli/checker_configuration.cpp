// Checker: configurations, by the loader of the daemon and the code that takes their values.

#include <algorithm>

#include "cli/checker.hpp"
#include "components/nameresolution/resolver.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/url.hpp"
#include "runtime/resources/environment.hpp"
#include "runtime/resources/loader.hpp"
#include "runtime/security/access_control.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace mecha::cli {
namespace {

using Node = yaml::Node;

const std::vector<std::string> kActions = {"allow", "deny"};
const std::vector<std::string> kVerbs = {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "*"};
const std::vector<std::string> kGroups = {"invoke", "state", "publish", "subscribe", "bindings", "secrets", "actors", "metadata", "configuration", "lock", "unlock",
                                          "crypto", "subtlecrypto", "workflows", "jobs", "shutdown", "conversation", "healthz"};

bool among(std::string_view word, const std::vector<std::string>& words) {
  return std::ranges::any_of(words, [&](const auto& other) { return text::equals_nocase(other, word); });
}

const std::vector<Node>& items(const Node* node) {
  static const std::vector<Node> none;
  return node == nullptr ? none : node->items;
}

std::string value(const Node& node, std::string_view name) {
  const auto* member = node.find(name);
  return member == nullptr ? "" : member->value;
}

// "<path>:3: what" and "error loading configuration: <path>: line 3: what" stand at line 3.
std::pair<int, std::string> take_place(const std::string& path, std::string_view text) {
  constexpr std::string_view kLoading = "error loading configuration: ";
  if (text.starts_with(kLoading)) text.remove_prefix(kLoading.size());
  if (!text.starts_with(path + ":")) return {0, std::string(text)};
  const auto rest = text::trim(text.substr(path.size() + 1));
  const auto end = rest.find(": ");
  auto word = rest.substr(0, end);
  if (word.starts_with("line ")) word.remove_prefix(5);
  const auto number = end == std::string_view::npos ? std::nullopt : text::to_int(word);
  return number ? std::pair(static_cast<int>(*number), std::string(rest.substr(end + 2))) : std::pair(0, std::string(rest));
}

}  // namespace

void Checker::configuration(const Document& document) {
  const auto& path = document.file;
  if (!document.first) return error(document.at, "this Configuration is passed over: only the first document of a file counts", "put it into a file of its own");
  std::vector<Notice> notices;
  const auto content = read_file(path);
  if (!content) return;
  auto read = loading::read_configurations({{path, *content}}, process_environment(), notices);
  const auto add = [&](std::string_view text, bool fault) {
    auto [line, what] = take_place(path, text);
    findings_.push_back({{path, line > 0 ? line : document.at.line}, fault, what, {}});
  };
  for (const auto& notice : notices) add(notice.text, notice.level == Notice::Level::error);
  if (!read) {
    std::string_view rest = read.error().message;  // "<path>: line 3: a; <path>: line 5: b"
    for (auto end = rest.find("; " + path + ": "); end != std::string_view::npos; end = rest.find("; " + path + ": ")) {
      add(rest.substr(0, end), true);
      rest.remove_prefix(end + 2);
    }
    return add(rest, true);
  }
  std::vector<Notice> again;
  if (const auto loaded = load_configuration({path}, process_environment(), again); !loaded) {
    auto [line, what] = take_place(path, loaded.error().message);
    const auto* scopes = below(&document.root, {"spec", "secrets"});
    error({path, line > 0 ? line : scopes != nullptr ? scopes->line : document.at.line}, what);
  }
  configurations_.push_back({{*std::move(read), &document.root}, document.at});
  access(configurations_.back().first, document.at);
  values(configurations_.back().first, document.at);
}

void Checker::access(const Read<ConfigurationSpec>& read, const Location& base) {
  const auto* control = below(read.root, {"spec", "accessControl"});
  if (control == nullptr) return;
  const auto place = [&](const Node& node, std::string_view name) {
    const auto* member = node.find(name);
    return Location{base.file, member != nullptr ? member->line : node.line};
  };
  const auto action = [&](const Node& node, std::string_view name) {
    const auto given = value(node, name);
    if (given.empty() || given.find('$') != std::string::npos || among(given, kActions)) return;
    error(place(node, name), std::string(name) + " " + text::quote(given) + " is neither allow nor deny and denies", did_you_mean(given, kActions));
  };
  if (const auto made = security::AccessControl::make(read.spec.access_control); !made) error({base.file, control->line}, made.error().message, "give each policy appId, trustDomain and namespace");
  action(*control, "defaultAction");
  for (const auto& policy : items(control->find("policies"))) {
    action(policy, "defaultAction");
    for (const auto& operation : items(policy.find("operations"))) {
      action(operation, "action");
      if (value(operation, "name").empty()) warn({base.file, operation.line}, "an operation has no name and matches nothing", "add name: /path");
      for (const auto& verb : items(operation.find("httpVerb"))) {
        if (std::ranges::find(kVerbs, verb.value) != kVerbs.end()) continue;
        error({base.file, verb.line}, "httpVerb " + text::quote(verb.value) + " is no method of HTTP, so no call matches it", among(verb.value, kVerbs) ? "write it in capitals" : did_you_mean(text::upper(verb.value), kVerbs));
      }
    }
  }
}

void Checker::values(const Read<ConfigurationSpec>& read, const Location& base) {
  const auto& root = *read.root;
  const auto& tracing = read.spec.tracing;
  const auto rate = text::to_double(tracing.sampling_rate);
  const auto rate_place = at(base, root, {"spec", "tracing", "samplingRate"});
  if (!tracing.sampling_rate.empty() && !rate) warn(rate_place, "samplingRate " + text::quote(tracing.sampling_rate) + " is no number, so the default counts", "write a number from 0 to 1 in quotes");
  else if (rate && (*rate < 0 || *rate > 1)) warn(rate_place, "samplingRate " + text::quote(tracing.sampling_rate) + " is not between 0 and 1", "\"1\" samples all, \"0.1\" a tenth, \"0\" none");
  if (const auto& zipkin = tracing.zipkin_endpoint; !zipkin.empty() && !net::parse_url(zipkin)) {
    error(at(base, root, {"spec", "tracing", "zipkin", "endpointAddress"}), "zipkin.endpointAddress " + text::quote(zipkin) + " is no URL", "write it like http://host:9411/api/v2/spans");
  }
  const auto& otel = tracing.otel;
  if (!otel.protocol.empty() && otel.protocol != "grpc" && !otel.protocol.starts_with("http")) {
    warn(at(base, root, {"spec", "tracing", "otel", "protocol"}), "otel.protocol " + text::quote(otel.protocol) + " is neither grpc nor http and means grpc", did_you_mean(otel.protocol, {"grpc", "http"}));
  }
  if (otel.endpoint.find("://") != std::string::npos) warn(at(base, root, {"spec", "tracing", "otel", "endpointAddress"}), "otel.endpointAddress has a scheme", "write host:port");
  std::vector<MetricsOptions::Rule> rules;
  for (const auto& rule : read.spec.metric.rules) rules.push_back({rule.metric, rule.label, rule.replacement, rule.pattern});
  for (const auto& problem : check_metric_rules(rules)) error(at(base, root, {"spec", below(&root, {"spec", "metrics"}) != nullptr ? "metrics" : "metric", "rules"}), problem, "patterns are regular expressions of RE2");
  const auto& resolution = read.spec.name_resolution;
  if (const auto names = nameresolution::resolver_names(); !resolution.component.empty() && !among(resolution.component, names)) {
    error(at(base, root, {"spec", "nameResolution", "component"}), "there is no name resolution " + text::quote(resolution.component), did_you_mean(resolution.component, names));
  }
  for (const auto* list : {"allowed", "denied"}) {
    for (const auto& rule : items(below(&root, {"spec", "api", list}))) {
      const auto name = value(rule, "name"), protocol = value(rule, "protocol");
      const Location place{base.file, rule.line};
      if (name.find('/') == std::string::npos && !among(name, kGroups)) warn(place, "api." + std::string(list) + ": " + text::quote(name) + " names no part of the API", did_you_mean(name, kGroups));
      if (!text::equals_nocase(protocol, "http") && protocol != "grpc") warn(place, "api." + std::string(list) + ": protocol " + text::quote(protocol) + " is neither http nor grpc, and the rule has no effect", "write protocol: http or grpc");
    }
  }
  if (const auto* tls = below(&root, {"spec", "mtls", "enabled"}); tls != nullptr && tls->value == "true") {
    warn({base.file, tls->line}, "mtls.enabled has no effect: mTLS between sidecars is not in this build", "leave it out, or keep the network between sidecars closed");
  }
}

}  // namespace mecha::cli
