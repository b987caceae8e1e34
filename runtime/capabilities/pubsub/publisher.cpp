#include "runtime/capabilities/pubsub/publisher.hpp"

#include <memory>
#include <set>

#include "api/errors/pubsub.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/call/operation_count.hpp"
#include "runtime/capabilities/pubsub/envelope.hpp"
#include "runtime/capabilities/pubsub/guard.hpp"
#include "runtime/capabilities/pubsub/topics.hpp"
#include "runtime/capabilities/pubsub/trace.hpp"

namespace mecha::pubsub {
namespace {

using Component = Loaded<PubSub>;
constexpr auto kOutcome = OperationCount::Names::Success::before_detail;  // of the labels

errors::RequestMetadata shown(const Metadata& metadata) { return {metadata.begin(), metadata.end()}; }

Result<const Component*> look_up(const RequestScope& scope, const std::string& pubsub, const Metadata& metadata) {
  const auto* found = find<PubSub>(scope.snapshot->pubsubs, pubsub);
  if (found != nullptr && found->instance != nullptr) return found;
  // gRPC shows no metadata in this one error.
  auto error = errors::pubsub_not_found(pubsub, scope.face == Face::http ? shown(metadata) : errors::RequestMetadata{});
  if (found != nullptr) {
    error.message += found->error.message.empty() ? ": it is not ready yet" : ": " + found->error.message;
  }
  return fail(std::move(error));
}

bool native_ttl(const PubSub& broker) {
  for (const auto& feature : broker.features()) {
    if (feature == kMessageTtl) return true;
  }
  return false;
}

// By what resiliency `matching` judges the failure depends on the door through which the call came.
Error with_outcome(Error error, Face face) {
  if (error.outcome >= 0) return error;
  if (error.code == Code::unavailable) error.outcome = face == Face::http ? 503 : 14;
  if (error.code == Code::failed_precondition) error.outcome = face == Face::http ? 400 : 9;
  return error;
}

// One attempt, with a copy of the request: a retry needs it again.
Async<void> attempt(std::shared_ptr<PubSub> broker, PublishRequest request, Face face) {
  auto sent = co_await broker->publish(std::move(request));
  if (!sent) co_return fail(with_outcome(std::move(sent).error(), face));
  co_return Result<void>{};
}

struct BulkState {
  std::shared_ptr<PubSub> broker;
  BulkPublishRequest left;  // what has not been sent yet
  std::vector<FailedEntry> failed;
  Face face;
};

// Sends what is left; what fails stays left for the next attempt.
Async<void> bulk_attempt(std::shared_ptr<BulkState> state) {
  state->failed = co_await state->broker->bulk_publish(state->left);
  if (state->failed.empty()) co_return Result<void>{};
  std::set<std::string_view> failed;
  for (const auto& entry : state->failed) failed.insert(entry.entry_id);
  std::erase_if(state->left.entries, [&failed](const BulkEntry& entry) { return !failed.contains(entry.entry_id); });
  co_return fail(with_outcome(state->failed.front().error, state->face));
}

}  // namespace

Result<void> Publisher::check(
    RequestScope& scope, const std::string& pubsub, const std::string& topic, const Metadata& metadata
) const {
  if (pubsub.empty()) return fail(errors::pubsub_name_empty(shown(metadata)));
  MECHA_TRY_VOID(look_up(scope, pubsub, metadata));
  if (topic.empty()) return fail(errors::pubsub_topic_empty(pubsub, shown(metadata)));
  return {};
}

Result<bool> Publisher::check_raw(const std::string& pubsub, const Metadata& metadata) const {
  auto raw = raw_payload(metadata);
  if (!raw) return fail(errors::pubsub_metadata(pubsub, raw.error().message, shown(metadata)));
  return *raw;
}

Async<void> Publisher::hand_over(RequestScope& scope, std::string pubsub, PublishRequest request) const {
  MECHA_CO_TRY(const auto* component, look_up(scope, pubsub, {}));
  const std::string topic = request.topic;
  OperationCount count(
      scope, {Metric::component_pubsub_egress_count, Metric::component_pubsub_egress_latencies, pubsub, topic, kOutcome}
  );
  Result<void> sent;
  if (!topic_allowed(*component->spec, scope.app.info.id, topic, Direction::publish)) {
    sent = fail(errors::pubsub_forbidden(pubsub, topic, scope.app.info.id));
  } else {
    request.topic = broker_topic(*component->spec, scope.app.info, topic);
    sent = co_await guard_outbound(scope, pubsub, [broker = component->instance, &request, face = scope.face]() {
      return attempt(broker, request, face);
    });
  }
  co_return count.done(std::move(sent));
}

Async<void> Publisher::send(RequestScope& scope, std::string pubsub, PublishRequest request) const {
  const auto topic = request.topic;
  auto sent = co_await hand_over(scope, pubsub, std::move(request));
  // What has a tag is an error of the API already.
  if (!sent && sent.error().tag.empty()) co_return fail(errors::pubsub_publish(pubsub, topic, sent.error().message));
  co_return sent;
}

Async<void> Publisher::publish(RequestScope& scope, PublishEvent event) const {
  MECHA_CO_TRY_VOID(check(scope, event.pubsub, event.topic, event.metadata));
  MECHA_CO_TRY(const auto* component, look_up(scope, event.pubsub, event.metadata));
  MECHA_CO_TRY(const bool raw, check_raw(event.pubsub, event.metadata));

  const auto trace = trace_of(scope);
  PublishRequest request;
  request.topic = event.topic;
  if (raw) {
    request.data = std::move(event.data);
    if (scope.face == Face::grpc) {
      event.metadata["traceid"] = trace.traceparent;
      event.metadata["tracestate"] = trace.tracestate;
    }
  } else {
    auto envelope = make_envelope({
        .app_id = scope.app.info.id,
        .pubsub = event.pubsub,
        .topic = event.topic,
        .content_type = event.content_type,
        .data = event.data,
        .metadata = event.metadata,
        .traceparent = trace.traceparent,
        .tracestate = trace.tracestate,
        .ttl_native = native_ttl(*component->instance),
        .now = std::chrono::system_clock::now(),
    });
    if (!envelope) {
      co_return fail(errors::pubsub_cloud_event(event.pubsub, scope.app.info.id, envelope.error().message));
    }
    request.data = *std::move(envelope);
  }
  if (event.metadata_given || !event.metadata.empty()) request.metadata = std::move(event.metadata);
  co_return co_await send(scope, std::move(event.pubsub), std::move(request));
}

Async<void> Publisher::forward(RequestScope& scope, std::string pubsub, PublishRequest request) const {
  co_return co_await send(scope, std::move(pubsub), std::move(request));
}

asio::awaitable<BulkOutcome> Publisher::forward_bulk(
    RequestScope& scope, std::string pubsub, BulkPublishRequest request
) const {
  BulkOutcome outcome;
  const auto component = look_up(scope, pubsub, {});
  if (!component) {
    outcome.error = component.error();
    co_return outcome;
  }
  const std::string topic = request.topic;
  OperationCount count(
      scope, {Metric::component_pubsub_egress_bulk_count, Metric::component_pubsub_egress_bulk_latencies, pubsub, topic, kOutcome}
  );
  if (!topic_allowed(*(*component)->spec, scope.app.info.id, topic, Direction::publish)) {
    outcome.error = errors::pubsub_forbidden(pubsub, topic, scope.app.info.id);
  } else if (!request.entries.empty()) {
    request.topic = broker_topic(*(*component)->spec, scope.app.info, topic);
    auto state = std::make_shared<BulkState>(BulkState{(*component)->instance, std::move(request), {}, scope.face});
    auto sent = co_await guard_outbound(scope, pubsub, [state]() { return bulk_attempt(state); });
    if (!sent) {
      // An attempt that was cut short says nothing of its entries: all that are left count as failed.
      if (state->failed.empty()) {
        for (const auto& entry : state->left.entries) state->failed.push_back({entry.entry_id, sent.error()});
      }
      outcome.failed = std::move(state->failed);
      outcome.error = errors::pubsub_publish(pubsub, topic, sent.error().message);
    }
  }
  count.done(!outcome.error);
  co_return outcome;
}

}  // namespace mecha::pubsub
