// Component, Subscription and HTTPEndpoint (contract 06, sections 3.2, 3.5, 3.6).

#include "runtime/resources/documents.hpp"

#include "runtime/base/text.hpp"

namespace mecha::documents {
namespace {

struct Header {
  std::string name, name_space;
};

// Labels, annotations and the like belong to others.
Header read_header(View& doc) {
  View metadata = doc.object("metadata");
  return {.name = metadata.text("name"), .name_space = metadata.text("namespace")};
}

std::string read_auth(View& doc) {
  View auth = doc.object("auth");
  auto store = auth.text("secretStore");
  auth.done();
  return store;
}

std::optional<SecretRef> read_secret_ref(View& item) {
  if (!item.has("secretKeyRef")) {
    item.raw("secretKeyRef");
    return std::nullopt;
  }
  View ref = item.object("secretKeyRef");
  SecretRef secret{.name = ref.text("name"), .key = ref.text("key")};
  ref.done();
  if (secret.key.empty()) secret.key = secret.name;
  return secret;
}

NameValue read_item(View& view, const std::string& file) {
  NameValue item;
  item.name = view.text("name");
  item.location = {.file = file, .line = view.line()};
  const auto* value = view.raw("value");
  item.has_value = value != nullptr;
  if (value != nullptr) item.value = yaml::to_text(*value);
  item.secret = read_secret_ref(view);
  item.env = view.text("envRef");
  view.done();
  return item;
}

PemSource read_pem(View& tls, std::string_view name) {
  View view = tls.object(name);
  PemSource pem;
  pem.value = view.text("value");
  pem.secret = read_secret_ref(view);
  view.done();
  return pem;
}

}  // namespace

ComponentSpec read_component(View& doc, Location where) {
  ComponentSpec spec;
  spec.location = where;
  auto header = read_header(doc);
  spec.name = std::move(header.name);
  spec.name_space = std::move(header.name_space);
  View body = doc.object("spec");
  spec.type = body.text("type");
  spec.version = body.text("version");
  spec.ignore_errors = body.flag("ignoreErrors").value_or(false);
  if (const auto limit = text::go_duration(body.text("initTimeout"))) spec.init_timeout = *limit;
  for (View& item : body.objects("metadata")) spec.metadata.push_back(read_item(item, where.file));
  body.done();
  spec.secret_store = read_auth(doc);
  spec.scopes = doc.texts("scopes");
  doc.done();
  return spec;
}

SubscriptionSpec read_subscription(View& doc, Location where, bool with_routes) {
  SubscriptionSpec spec;
  spec.location = where;
  spec.name = read_header(doc).name;
  View body = doc.object("spec");
  spec.pubsub = body.text("pubsubname");
  spec.topic = body.text("topic");
  spec.dead_letter_topic = body.text("deadLetterTopic");
  spec.metadata = body.text_map("metadata");
  std::string last;
  if (with_routes) {
    View routes = body.object("routes");
    for (View& rule : routes.objects("rules")) {
      spec.rules.push_back({.match = std::string(text::trim(rule.text("match"))), .path = rule.text("path")});
      rule.done();
    }
    last = routes.text("default");
    routes.done();
  } else {
    last = body.text("route");
  }
  if (!last.empty()) spec.rules.push_back({.match = {}, .path = std::move(last)});
  View bulk = body.object("bulkSubscribe");
  spec.bulk.enabled = bulk.flag("enabled").value_or(false);
  spec.bulk.messages_max = static_cast<int>(bulk.integer("maxMessagesCount").value_or(0));
  spec.bulk.await_ms_max = static_cast<int>(bulk.integer("maxAwaitDurationMs").value_or(0));
  bulk.done();
  body.done();
  spec.scopes = doc.texts("scopes");
  doc.done();
  return spec;
}

HttpEndpointSpec read_endpoint(View& doc, Location where) {
  HttpEndpointSpec spec;
  spec.location = where;
  auto header = read_header(doc);
  spec.name = std::move(header.name);
  spec.name_space = std::move(header.name_space);
  View body = doc.object("spec");
  spec.base_url = body.text("baseUrl");
  for (View& item : body.objects("headers")) spec.headers.push_back(read_item(item, where.file));
  View tls = body.object("clientTLS");
  spec.root_ca = read_pem(tls, "rootCA");
  spec.certificate = read_pem(tls, "certificate");
  spec.private_key = read_pem(tls, "privateKey");
  spec.renegotiation = tls.text("renegotiation");
  tls.done();
  body.done();
  spec.secret_store = read_auth(doc);
  spec.scopes = doc.texts("scopes");
  doc.done();
  return spec;
}

}  // namespace mecha::documents
