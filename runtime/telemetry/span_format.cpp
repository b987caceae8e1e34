#include "runtime/telemetry/span_format.hpp"

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::trace {

namespace {

constexpr std::string_view kScope = "dapr-diagnostics";

std::string parent_hex(const Finished& span) {
  Context parent;
  parent.span_id = span.parent;
  return parent.span_hex();
}

bool is_root(const Finished& span) { return span.parent == std::array<std::uint8_t, 8>{}; }

std::int64_t microseconds(std::chrono::system_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

json::Value zipkin_item(const Finished& span, const Resource& resource) {
  json::Object tags;
  for (const auto& [name, value] : resource.attributes) tags[name] = json::Value(value);
  for (const auto& [name, value] : span.attributes) tags[name] = json::Value(value);
  tags["service.name"] = json::Value(resource.service_name);
  tags["otel.scope.name"] = json::Value(kScope);
  if (span.failed) {
    tags["error"] = json::Value(span.failure);
    tags["otel.status_code"] = json::Value("ERROR");
  }
  json::Object item;
  item["traceId"] = json::Value(span.context.trace_hex());
  item["id"] = json::Value(span.context.span_hex());
  if (!is_root(span)) item["parentId"] = json::Value(parent_hex(span));
  item["name"] = json::Value(text::lower(span.name));
  const char* kind = span.kind == Kind::server   ? "SERVER"
                     : span.kind == Kind::client ? "CLIENT"
                                                 : "PRODUCER";
  item["kind"] = json::Value(kind);
  item["timestamp"] =
      json::Value(json::Number{std::to_string(microseconds(span.begun.time_since_epoch()))});
  item["duration"] = json::Value(std::max<std::int64_t>(microseconds(span.ended - span.begun), 1));
  item["localEndpoint"] =
      json::Value(json::Object{{"serviceName", json::Value(resource.service_name)}});
  if (!span.remote.empty()) {
    item["remoteEndpoint"] = json::Value(json::Object{{"serviceName", json::Value(span.remote)}});
  }
  item["tags"] = json::Value(std::move(tags));
  return json::Value(std::move(item));
}

void key_value(
    std::string& out, std::uint32_t field, std::string_view key, std::string_view value
) {
  std::string any, pair;
  wire::bytes_always(any, 1, value);
  wire::bytes(pair, 1, key);
  wire::bytes_always(pair, 2, any);
  wire::bytes_always(out, field, pair);
}

void fixed64(std::string& out, std::uint32_t field, std::uint64_t value) {
  wire::tag(out, field, 1);
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <std::size_t N>
std::string_view view(const std::array<std::uint8_t, N>& id) {
  return {reinterpret_cast<const char*>(id.data()), N};
}

std::uint64_t nanoseconds(std::chrono::system_clock::time_point time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count()
  );
}

std::string otlp_span(const Finished& span) {
  std::string out;
  wire::bytes(out, 1, view(span.context.trace_id));
  wire::bytes(out, 2, view(span.context.span_id));
  wire::bytes(out, 3, span.context.state);
  if (!is_root(span)) wire::bytes(out, 4, view(span.parent));
  wire::bytes(out, 5, span.name);
  wire::number(out, 6, span.kind == Kind::server ? 2 : span.kind == Kind::client ? 3 : 4);
  fixed64(out, 7, nanoseconds(span.begun));
  fixed64(out, 8, nanoseconds(span.ended));
  for (const auto& [name, value] : span.attributes) key_value(out, 9, name, value);
  if (span.failed) {
    std::string status;
    wire::bytes(status, 2, span.failure);
    wire::number(status, 3, 2);
    wire::bytes_always(out, 15, status);
  }
  return out;
}

}  // namespace

std::string stdout_text(const Finished& span) {
  std::string out = "[" + span.name + "] Trace: " + span.context.trace_hex() +
                    " Span: " + parent_hex(span) + "/" + span.context.span_hex() + " Time: [" +
                    text::rfc3339_nano(span.begun) + " ->  " + text::rfc3339_nano(span.ended) +
                    "] Annotations: [";
  for (const auto& [name, value] : span.attributes) {
    if (out.back() != '[') out += ' ';
    out.append("{Key:").append(name).append(" Value:").append(value).append("}");
  }
  return out + "]";
}

std::string zipkin_json(std::span<const Finished> batch, const Resource& resource) {
  json::Array items;
  for (const Finished& span : batch) items.push_back(zipkin_item(span, resource));
  return json::write(json::Value(std::move(items)), json::Dialect::number_text);
}

std::string otlp_bytes(std::span<const Finished> batch, const Resource& resource) {
  std::string process, scope, scope_spans, resource_spans, out;
  key_value(process, 1, "service.name", resource.service_name);
  for (const auto& [name, value] : resource.attributes) key_value(process, 1, name, value);
  wire::bytes(scope, 1, kScope);
  wire::bytes_always(scope_spans, 1, scope);
  for (const Finished& span : batch) wire::bytes_always(scope_spans, 2, otlp_span(span));
  wire::bytes_always(resource_spans, 1, process);
  wire::bytes_always(resource_spans, 2, scope_spans);
  wire::bytes_always(out, 1, resource_spans);
  return out;
}

}  // namespace mecha::trace
