// The metadata face: what the sidecar knows of itself and its application (contract 01).

#include "api/errors/common.hpp"
#include "api/http/health.hpp"
#include "runtime/app/application.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::api {
namespace {

// An object whose members keep the order in which they are added.
class Ordered {
 public:
  void add(std::string_view name, const json::Value& value) { add_text(name, json::write(value)); }
  void add_text(std::string_view name, const std::string& text) {
    text_ += text_.empty() ? '{' : ',';
    json::write_string(text_, name);
    text_.append(":").append(text);
  }
  std::string done() { return text_.empty() ? "{}" : text_ + '}'; }

 private:
  std::string text_;
};

std::string list(const std::vector<std::string>& items) {
  return "[" + text::join(items, ",") + "]";
}

std::string named(std::string_view name) {
  Ordered object;
  object.add("name", name);
  return object.done();
}

std::string component_json(const ComponentEntry& entry) {
  Ordered object;
  object.add("name", entry.spec->name);
  object.add("type", entry.spec->type);
  if (!entry.spec->version.empty()) object.add("version", entry.spec->version);
  if (!entry.capabilities.empty()) {
    json::Array features;
    for (const auto& feature : entry.capabilities) features.emplace_back(feature);
    object.add("capabilities", std::move(features));
  }
  return object.done();
}

std::string_view kind_name(SubscriptionKind kind) {
  switch (kind) {
    case SubscriptionKind::declarative: return "DECLARATIVE";
    case SubscriptionKind::programmatic: return "PROGRAMMATIC";
    case SubscriptionKind::streaming: return "STREAMING";
    default: return "UNKNOWN";
  }
}

std::string subscription_json(const SubscriptionSpec& subscription) {
  Ordered object;
  object.add("pubsubname", subscription.pubsub);
  object.add("topic", subscription.topic);
  if (!subscription.metadata.empty()) {
    json::Object metadata;
    for (const auto& [name, value] : subscription.metadata) metadata[name] = value;
    object.add("metadata", std::move(metadata));
  }
  std::vector<std::string> rules;
  for (const auto& rule : subscription.rules) {
    Ordered item;
    if (!rule.match.empty()) item.add("match", rule.match);
    if (!rule.path.empty()) item.add("path", rule.path);
    rules.push_back(item.done());
  }
  if (!rules.empty()) object.add_text("rules", list(rules));
  object.add("deadLetterTopic", subscription.dead_letter_topic);
  object.add("type", kind_name(subscription.kind));
  return object.done();
}

std::string connection_json(const Application& application) {
  const auto& properties = application.connection;
  Ordered object;
  if (properties.port != 0) object.add("port", static_cast<int>(properties.port));
  object.add("protocol", protocol_name(properties.protocol));
  object.add("channelAddress", properties.address);
  if (properties.concurrency_max > 0) object.add("maxConcurrency", properties.concurrency_max);
  if (const auto& probe = application.probe; probe.enabled) {
    Ordered health;
    const bool http = properties.protocol != AppProtocol::grpc && properties.protocol != AppProtocol::grpcs;
    if (http) health.add("healthCheckPath", probe.path);
    health.add("healthProbeInterval", text::format_go_duration(probe.interval));
    health.add("healthProbeTimeout", text::format_go_duration(probe.timeout));
    health.add("healthThreshold", probe.threshold);
    object.add_text("health", health.done());
  }
  return object.done();
}

std::string actor_runtime_json(const Application& application) {
  Ordered object;
  const bool started = application.app_started;
  object.add("runtimeStatus", started ? "DISABLED" : "INITIALIZING");
  object.add("hostReady", false);
  if (started) object.add("placement", "placement: disconnected");
  return object.done();
}

void add_lists(Ordered& object, const Application& application, const Snapshot& snapshot) {
  std::vector<std::string> items;
  for (const auto& subscription : application.subscriptions()) items.push_back(subscription_json(subscription));
  if (!items.empty()) object.add_text("subscriptions", list(items));
  items.clear();
  for (const auto& [name, endpoint] : snapshot.endpoints) items.push_back(named(name));
  if (!items.empty()) object.add_text("httpEndpoints", list(items));
}

std::string metadata_json(const Application& application) {
  const auto snapshot = application.snapshot();
  Ordered object;
  object.add("id", application.info.id);
  object.add("runtimeVersion", application.info.version);
  json::Array features;
  for (const auto& [name, on] : snapshot->configuration.features) {
    if (on) features.emplace_back(name);
  }
  if (!features.empty()) object.add("enabledFeatures", std::move(features));
  std::vector<std::string> components;
  for (const auto& entry : snapshot->components) {
    if (entry.state == ComponentState::ready) components.push_back(component_json(entry));
  }
  if (!components.empty()) object.add_text("components", list(components));
  json::Object extended;
  for (const auto& [name, value] : application.attributes()) extended[name] = value;
  extended["daprRuntimeVersion"] = application.info.version;
  object.add("extended", std::move(extended));
  add_lists(object, application, *snapshot);
  object.add_text("appConnectionProperties", connection_json(application));
  object.add_text("actorRuntime", actor_runtime_json(application));
  std::vector<std::string> resiliencies;
  for (const auto& name : snapshot->resiliency_names) resiliencies.push_back(named(name));
  if (!resiliencies.empty()) object.add_text("resiliencies", list(resiliencies));
  return object.done() + "\n";
}

asio::awaitable<void> get_metadata(Application& application, HttpRequest& request) {
  const auto body = co_await request.body();
  if (!body) {
    co_await respond_error(request, errors::body_read(body.error().message));
    co_return;
  }
  if (!body->empty()) {
    const auto parsed = json::parse(*body, true);
    if (!parsed || !parsed->is_object()) {
      const std::string why = parsed ? "unexpected token" : parsed.error().message;
      co_await respond_error(request, errors::malformed_request(why));
      co_return;
    }
  }
  co_await respond_json(request, 200, metadata_json(application));
}

asio::awaitable<void> put_metadata(Application& application, HttpRequest& request) {
  auto body = co_await request.body();
  if (!body) {
    co_await respond_error(request, errors::body_read(body.error().message));
    co_return;
  }
  // Bytes that are no UTF-8 could not be told again; they are replaced now, not found later.
  application.set_attribute(text::sanitize_utf8(request.parameter(0)), text::sanitize_utf8(*body));
  co_await respond_empty(request);
}

}  // namespace

std::vector<HttpRoute> metadata_routes(Application& application) {
  std::vector<HttpRoute> routes;
  routes.push_back({
      .methods = {"GET"},
      .pattern = "/v1.0/metadata",
      .name = "GetMetadata",
      .group = "v1/metadata",
      .handler = [&application](HttpRequest& request) { return get_metadata(application, request); },
  });
  routes.push_back({
      .methods = {"PUT"},
      .pattern = "/v1.0/metadata/{key}",
      .name = "PutMetadata",
      .group = "v1/metadata",
      .handler = [&application](HttpRequest& request) { return put_metadata(application, request); },
  });
  return routes;
}

}  // namespace mecha::api
