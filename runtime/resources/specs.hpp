// The typed forms of the resource documents (contract 06, section 3). Plain values; who made them knows the files.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha {

// Where something stands, for messages: "components/orders.yaml:12".
struct Location {
  std::string file;
  int line = 0;
  std::string text() const { return line > 0 ? file + ":" + std::to_string(line) : file; }
};

struct SecretRef {
  std::string name;
  std::string key;  // defaults to name
  bool operator==(const SecretRef&) const = default;
};

// A `metadata` item of a Component, or a header of an HTTPEndpoint.
struct NameValue {
  std::string name;
  std::string value;  // plain text, or the JSON text of another scalar or tree
  bool has_value = true;  // false: the item has no `value`, or null (then `env` applies)
  std::optional<SecretRef> secret;
  std::string env;
  Location location;
  bool operator==(const NameValue& other) const;  // location is not compared, here and below
};

struct ComponentSpec {
  std::string name, name_space, type, version;
  bool ignore_errors = false;
  std::chrono::nanoseconds init_timeout = std::chrono::seconds(5);
  std::vector<NameValue> metadata;
  std::string secret_store;  // auth.secretStore
  std::vector<std::string> scopes;
  Location location;
  bool namespace_scoped = false;  // of a broker: a value spoke of {namespace} before it was filled in

  std::string category() const { return type.substr(0, type.find('.')); }
  // Value of a metadata item, name without case; empty if absent.
  std::optional<std::string_view> value(std::string_view item) const;
  // "name (type/version)", "(type)" without a version: as log lines and errors name a component.
  std::string title() const;
  bool operator==(const ComponentSpec& other) const;
};

struct RouteRule {
  std::string match;  // expression; empty matches always
  std::string path;
  bool operator==(const RouteRule&) const = default;
};

enum class SubscriptionKind : std::uint8_t { unknown, declarative, programmatic, streaming };

struct SubscriptionSpec {
  std::string name;  // of the resource; empty otherwise
  std::string pubsub, topic, dead_letter_topic;
  std::vector<RouteRule> rules;  // in order; the default route is the last, without `match`
  std::map<std::string, std::string, std::less<>> metadata;
  struct Bulk {
    bool enabled = false;
    int messages_max = 0;  // 0: the component's default
    int await_ms_max = 0;
    bool operator==(const Bulk&) const = default;
  } bulk;
  SubscriptionKind kind = SubscriptionKind::declarative;
  std::vector<std::string> scopes;
  Location location;
  bool operator==(const SubscriptionSpec& other) const;
};

struct PemSource {
  std::string value;
  std::optional<SecretRef> secret;
  bool operator==(const PemSource&) const = default;
};

struct HttpEndpointSpec {
  std::string name, name_space, base_url, secret_store;
  std::vector<NameValue> headers;
  PemSource root_ca, certificate, private_key;
  std::string renegotiation;
  std::vector<std::string> scopes;
  Location location;
  bool operator==(const HttpEndpointSpec& other) const;
};

struct HandlerSpec {  // httpPipeline, appHttpPipeline
  std::string name, type, version;
};

struct ApiRule {
  std::string name, version, protocol;
};

struct SecretScope {
  std::string store, default_access;
  std::vector<std::string> allowed, denied;
};

struct AccessOperation {
  std::string name, action;
  std::vector<std::string> verbs;
};

struct AccessPolicy {
  std::string app_id, default_action, trust_domain, name_space;
  std::vector<AccessOperation> operations;
};

// Configuration (contract 06, 3.3), with its defaults.
struct ConfigurationSpec {
  struct {
    std::string sampling_rate;  // as written; empty: not stated
    bool standard_out = false;
    std::string zipkin_endpoint;
    struct {
      std::string protocol, endpoint;
      bool secure = true;
      std::vector<std::string> headers;
      std::chrono::nanoseconds timeout{};
    } otel;
  } tracing;
  struct {
    bool enabled = true;
    bool record_error_codes = false;
    std::optional<bool> increased_cardinality;  // default true
    std::vector<std::string> path_matching;
    bool exclude_verbs = false;
    std::vector<double> latency_buckets;
    struct Rule {
      std::string metric, label, replacement, pattern;
    };
    std::vector<Rule> rules;
  } metric;
  std::vector<SecretScope> secret_scopes;
  struct {
    std::string default_action = "allow";
    std::string trust_domain = "public";
    std::vector<AccessPolicy> policies;
  } access_control;
  struct {
    std::string component, version;
    json::Value configuration;
  } name_resolution;
  std::vector<HandlerSpec> http_pipeline, app_http_pipeline;
  std::vector<ApiRule> api_allowed, api_denied;
  std::map<std::string, bool, std::less<>> features;
  std::vector<std::string> denied_components;
  struct {
    std::optional<bool> enabled;
    bool obfuscate_urls = false;
    bool omit_health_checks = false;
  } api_logging;
};

}  // namespace mecha
