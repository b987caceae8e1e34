#include "runtime/capabilities/state/outbox.hpp"

#include <algorithm>
#include <map>

#include "runtime/app/snapshot.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/pubsub/envelope.hpp"
#include "runtime/capabilities/pubsub/publisher.hpp"
#include "runtime/capabilities/pubsub/trace.hpp"

namespace mecha::state {
namespace {

std::string exact(const ComponentSpec& store, std::string_view name) {
  for (const auto& item : store.metadata) {
    if (item.name == name) return item.value;
  }
  return {};
}

bool is_projection(const SetRequest& request) {
  const auto it = request.metadata.find("outbox.projection");
  return it != request.metadata.end() && text::truthy(it->second);
}

std::string content_type_of(const SetRequest& request) {
  if (!request.content_type.empty()) return request.content_type;
  const auto it = request.metadata.find("contentType");
  return it == request.metadata.end() ? "text/plain" : it->second;
}

void print(std::string& out, const json::Value& value);

void print_list(std::string& out, const json::Array& list) {
  out += '[';
  for (const auto& entry : list) {
    if (&entry != &list.front()) out += ' ';
    print(out, entry);
  }
  out += ']';
}

void print_map(std::string& out, const json::Object& map) {
  out += "map[";
  bool first = true;
  for (const auto& [name, value] : map) {
    if (!std::exchange(first, false)) out += ' ';
    out.append(name).append(":");
    print(out, value);
  }
  out += ']';
}

// The notation of Go, which is what subscribers get of documents without a content type.
void print(std::string& out, const json::Value& value) {
  if (value.is_null()) out += "<nil>";
  else if (value.is_bool()) out += value.as_bool() ? "true" : "false";
  else if (value.is_number()) out += json::format_double_g(value.as_double());
  else if (value.is_string()) out += value.as_string();
  else if (value.is_array()) print_list(out, value.as_array());
  else print_map(out, value.as_object());
}

std::string payload(const Value& value, std::string_view content_type) {
  if (const auto* bytes = std::get_if<std::string>(&value)) return *bytes;
  const auto& document = std::get<json::Value>(value);
  if (text::equals_nocase(content_type, "application/json")) return json::write(document);
  std::string out;
  print(out, document);
  return out;
}

// `told` has the payload, `real` the attributes; they differ where there is a projection.
Result<std::string> make_event(
    const RequestScope& scope, const std::string& marker, const OutboxConfig& config, const SetRequest& told, const SetRequest& real
) {
  const auto content_type = content_type_of(told);
  const auto data = payload(told.value, content_type);
  const auto trace = pubsub::trace_of(scope);
  const Metadata none;
  MECHA_TRY(
      const auto envelope,
      pubsub::make_envelope({
          .app_id = scope.app.info.id,
          .pubsub = config.internal_pubsub,
          .topic = {},
          .content_type = content_type,
          .data = data,
          .metadata = none,
          .traceparent = trace.traceparent,
          .tracestate = trace.tracestate,
          .always_wrap = true,
          .now = std::chrono::system_clock::now(),
      })
  );
  MECHA_TRY(auto parsed, json::parse(envelope));
  auto& event = parsed.as_object();
  event["traceparent"] = "";
  for (const auto& [name, value] : real.metadata) {
    if (name != "data" && name != "id") event[name] = value;
  }
  event["id"] = marker;
  return json::write(parsed, json::Dialect::number_text);
}

// The first projection of each key, taken out of the operations.
std::map<std::string, SetRequest, std::less<>> take_projections(std::vector<Operation>& operations) {
  std::map<std::string, SetRequest, std::less<>> found;
  std::erase_if(operations, [&found](Operation& operation) {
    auto* set = std::get_if<SetRequest>(&operation);
    if (set == nullptr || !is_projection(*set)) return false;
    auto key = set->key;
    found.try_emplace(std::move(key), std::move(*set));
    return true;
  });
  return found;
}

SetRequest marker_of(std::string key) { return {.key = std::move(key), .value = json::Value("0")}; }

}  // namespace

std::optional<OutboxConfig> outbox_config(const ComponentSpec& store) {
  OutboxConfig config{.pubsub = exact(store, "outboxPublishPubsub"), .topic = exact(store, "outboxPublishTopic")};
  if (config.pubsub.empty() || config.topic.empty()) return std::nullopt;
  config.internal_pubsub = exact(store, "outboxPubsub");
  if (config.internal_pubsub.empty()) config.internal_pubsub = config.pubsub;
  config.discard_missing = text::truthy(exact(store, "outboxDiscardWhenMissingState"));
  return config;
}

std::string internal_topic(const ApplicationInfo& info, std::string_view topic) {
  return info.identity_name_space + info.id + std::string(topic) + "outbox";
}

Async<std::vector<Operation>> publish_internal(
    RequestScope& scope, OutboxConfig config, std::vector<Operation> operations
) {
  const auto projections = take_projections(operations);
  const auto topic = internal_topic(scope.app.info, config.topic);
  std::vector<Operation> markers;
  for (const auto& operation : operations) {
    const auto* real = std::get_if<SetRequest>(&operation);
    if (real == nullptr) continue;
    const auto* loaded = find<pubsub::PubSub>(scope.snapshot->pubsubs, config.internal_pubsub);
    if (loaded == nullptr || !loaded->instance) {
      co_return fail(Code::invalid_argument, "pubsub '" + config.internal_pubsub + "' not found");
    }
    const auto marker = std::string(kMarkerPrefix) + text::uuid();
    const auto projection = projections.find(real->key);
    const auto& told = projection == projections.end() ? *real : projection->second;
    MECHA_CO_TRY(auto event, make_event(scope, marker, config, told, *real));
    // A key of its own for each: events need not wait for one another where a broker keeps the order of keys.
    pubsub::PublishRequest request{.topic = topic, .data = std::move(event), .metadata = Metadata{{"partitionKey", marker}}};
    MECHA_CO_TRY_VOID(co_await pubsub::Publisher().hand_over(scope, config.internal_pubsub, std::move(request)));
    markers.emplace_back(marker_of(marker));
  }
  std::ranges::move(markers, std::back_inserter(operations));
  co_return operations;
}

}  // namespace mecha::state
