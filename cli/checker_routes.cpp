// Checker: subscriptions, HTTP endpoints and resiliency.

#include <algorithm>

#include "cli/checker.hpp"
#include "runtime/base/cel.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/url.hpp"
#include "runtime/resilience/trip.hpp"

namespace mecha::cli {
namespace {

// The scalar below `node` that a text quotes; else the node's own line.
int line_in(const yaml::Node& node, std::string_view text) {
  for (const auto& [name, inner] : node.members) {
    if (inner.is_scalar() && !inner.value.empty() && text.find(inner.value) != std::string_view::npos) return inner.line;
    const int deeper = line_in(inner, text);
    if (deeper != inner.line) return deeper;
  }
  return node.line;
}

const yaml::Node* node_at(const yaml::Node& root, int line) {
  for (const auto& [name, inner] : root.members) {
    if (inner.line == line && !inner.is(yaml::Node::Kind::null)) return &inner;
    if (const auto* found = node_at(inner, line)) return found;
  }
  return nullptr;
}

}  // namespace

void Checker::subscription(const SubscriptionSpec& spec, const yaml::Node& root, bool with_routes) {
  const auto what = "subscription " + text::quote(spec.name);
  if (spec.pubsub.empty()) error(at(spec.location, root, {"spec"}), what + " has no pubsubname", "add pubsubname: <name of a Component of a type pubsub.*>");
  if (spec.topic.empty()) error(at(spec.location, root, {"spec"}), what + " has no topic", "add topic: ...");
  if (spec.rules.empty()) {
    warn(at(spec.location, root, {"spec", with_routes ? "routes" : "route"}), what + " has no route to the application", with_routes ? "add routes: {default: /path}" : "add route: /path");
  }
  const auto* rules = below(&root, {"spec", "routes", "rules"});
  for (std::size_t i = 0; i < spec.rules.size(); ++i) {
    const auto& rule = spec.rules[i];
    auto place = at(spec.location, root, {"spec", "routes", "default"});
    if (rules != nullptr && i < rules->items.size()) place = at({spec.location.file, rules->items[i].line}, rules->items[i], {"match"});
    if (rule.path.empty()) warn(place, what + ": a rule has no path", "add path: /...");
    if (rule.match.empty()) continue;
    if (const auto made = cel::Expression::compile(rule.match); !made) error(place, "the rule " + text::quote(rule.match) + " cannot be read: " + made.error().message, "it is an expression over event, such as event.type == \"a\"");
  }
}

void Checker::endpoint(const HttpEndpointSpec& spec, const yaml::Node& root) {
  const auto what = "HTTPEndpoint " + text::quote(spec.name);
  const auto place = at(spec.location, root, {"spec", "baseUrl"});
  if (spec.base_url.empty()) error(place, what + " has no baseUrl", "add baseUrl: https://...");
  else if (const auto url = net::parse_url(spec.base_url); !url) error(place, what + ": baseUrl " + text::quote(spec.base_url) + " is no URL: " + url.error().message, "write it like https://host:port");
  ComponentSpec holder;
  holder.secret_store = spec.secret_store;
  for (const auto& header : spec.headers) item(holder, header, what + ": header ");
  for (const auto& [pem, name] : {std::pair(&spec.root_ca, "rootCA"), std::pair(&spec.certificate, "certificate"), std::pair(&spec.private_key, "privateKey")}) {
    secret_without_store(at(spec.location, root, {"spec", "clientTLS", name}), what + ": " + name, pem->secret, spec.secret_store);
  }
  if (spec.certificate == PemSource{} && !(spec.private_key == PemSource{})) error(at(spec.location, root, {"spec", "clientTLS"}), what + ": privateKey needs certificate", "add certificate");
  if (spec.private_key == PemSource{} && !(spec.certificate == PemSource{})) error(at(spec.location, root, {"spec", "clientTLS"}), what + ": certificate needs privateKey", "add privateKey");
  const std::vector<std::string> modes = {"Never", "OnceAsClient", "FreelyAsClient"};
  const auto known = [&](const std::string& mode) { return mode == spec.renegotiation || mode == "Renegotiate" + spec.renegotiation || "Renegotiate" + mode == spec.renegotiation; };
  if (!spec.renegotiation.empty() && std::ranges::none_of(modes, known)) {
    warn(at(spec.location, root, {"spec", "clientTLS", "renegotiation"}), what + ": renegotiation " + text::quote(spec.renegotiation) + " is none of " + text::join(modes, ", "), did_you_mean(spec.renegotiation, modes));
  }
}

void Checker::resiliency(const Document& document, const ResiliencySpec& spec) {
  const auto what = "Resiliency " + text::quote(spec.name);
  if (!document.first) error(spec.location, what + " is passed over: only the first document of a file may be one", "put it into a file of its own");
  if (spec.name.empty()) warn(at(spec.location, document.root, {"metadata", "name"}), "a Resiliency without metadata.name has no name in messages and metrics", "add metadata: {name: ...}");
  for (const auto& fault : spec.faults) {
    Location place{spec.location.file, fault.line > 0 ? fault.line : spec.location.line};
    if (const auto* node = node_at(document.root, fault.line)) place.line = line_in(*node, fault.text);
    error(place, what + ": " + fault.text, fault.text.find("duration") != std::string::npos ? "write durations like 300ms or 1m30s; a bare number is milliseconds" : "");
  }
  resilience::Counts some{.requests = 100, .total_successes = 50, .total_failures = 50, .consecutive_successes = 50, .consecutive_failures = 50};
  // From the tree: what stands behind a fault is not in the spec.
  const auto* breakers = document.root.find("spec");
  for (const auto* part : {"policies", "circuitBreakers"}) breakers = breakers == nullptr ? nullptr : breakers->find(part);
  if (breakers == nullptr) return;
  for (const auto& [name, node] : breakers->members) {
    const auto* written = node.find("trip");
    if (written == nullptr || !written->is_scalar()) continue;
    const Location place{spec.location.file, written->line};
    const auto trip = resilience::Trip::compile(written->value);
    constexpr auto kHelp = "it is an expression over requests, totalSuccesses, totalFailures, consecutiveSuccesses and consecutiveFailures, such as consecutiveFailures > 5";
    if (!trip) {
      error(place, what + ": circuit breaker " + name + ": trip " + text::quote(written->value) + " cannot be read, and this policy and all behind it are dropped: " + trip.error().message, kHelp);
    } else if (const auto result = trip->evaluate(some); !result) {
      error(place, what + ": circuit breaker " + name + ": trip " + text::quote(written->value) + " never opens it: " + result.error().message, kHelp);
    }
  }
}

}  // namespace mecha::cli
