// Bulk publishing: merging of metadata, one envelope and one span per entry (contract 03, 1.5).
#include <algorithm>
#include <set>

#include "api/errors/pubsub.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/pubsub/envelope.hpp"
#include "runtime/capabilities/pubsub/publisher.hpp"
#include "runtime/capabilities/pubsub/trace.hpp"

namespace mecha::pubsub {
namespace {

bool ids_are_unique(const std::vector<BulkEntry>& entries) {
  std::set<std::string_view> seen;
  for (const auto& entry : entries) {
    if (entry.entry_id.empty() || !seen.insert(entry.entry_id).second) return false;
  }
  return true;
}

// Metadata of the request reaches only entries that have metadata of their own, which wins.
void merge(std::vector<BulkEntry>& entries, const Metadata& metadata) {
  for (auto& entry : entries) {
    if (entry.metadata) entry.metadata->insert(metadata.begin(), metadata.end());
  }
}

Result<std::string> envelope_of(
    RequestScope& scope, const BulkPublishEvents& events, const BulkEntry& entry, bool ttl_native
) {
  auto trace = trace_of(scope);
  if (trace_mode(scope) == trace::Mode::spans) {
    const auto span = scope.app.tracer->start(events.span_name, trace::Kind::producer, scope.span);
    trace = trace_of(span.context());
  }
  const Metadata none;
  return make_envelope({
      .app_id = scope.app.info.id,
      .pubsub = events.pubsub,
      .topic = events.topic,
      .content_type = entry.content_type,
      .data = entry.data,
      .metadata = entry.metadata ? *entry.metadata : none,
      .traceparent = trace.traceparent,
      .tracestate = trace.tracestate,
      .ttl_native = ttl_native,
      .now = std::chrono::system_clock::now(),
  });
}

}  // namespace

Async<BulkOutcome> Publisher::bulk_publish(RequestScope& scope, BulkPublishEvents events) const {
  MECHA_CO_TRY_VOID(check(scope, events.pubsub, events.topic, events.metadata));
  MECHA_CO_TRY(const bool raw, check_raw(events.pubsub, events.metadata));
  if (!ids_are_unique(events.entries)) {
    co_return fail(errors::pubsub_entry_id(events.pubsub, events.topic, scope.app.info.id));
  }
  merge(events.entries, events.metadata);
  const auto* component = find<PubSub>(scope.snapshot->pubsubs, events.pubsub);
  const auto features = component->instance->features();
  const bool ttl_native = std::ranges::find(features, kMessageTtl) != features.end();
  for (auto& entry : events.entries) {
    if (raw) {
      entry.content_type.clear();
      continue;
    }
    auto envelope = envelope_of(scope, events, entry, ttl_native);
    if (!envelope) {
      co_return fail(errors::pubsub_cloud_event(events.pubsub, scope.app.info.id, envelope.error().message));
    }
    entry.data = *std::move(envelope);
    entry.content_type = "application/cloudevents+json";
  }
  BulkPublishRequest request{events.topic, std::move(events.entries), std::move(events.metadata)};
  co_return co_await forward_bulk(scope, std::move(events.pubsub), std::move(request));
}

}  // namespace mecha::pubsub
