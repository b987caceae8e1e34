#include "api/grpc/metadata.hpp"

#include <google/protobuf/empty.pb.h>

#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "dapr/proto/runtime/v1/metadata.pb.h"
#include "runtime/app/application.hpp"
#include "runtime/base/text.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
using google::protobuf::Empty;

pb::PubsubSubscriptionType type_of(SubscriptionKind kind) {
  switch (kind) {
    case SubscriptionKind::declarative: return pb::DECLARATIVE;
    case SubscriptionKind::programmatic: return pb::PROGRAMMATIC;
    case SubscriptionKind::streaming: return pb::STREAMING;
    default: return pb::UNKNOWN;
  }
}

void fill(pb::PubsubSubscription& out, const SubscriptionSpec& subscription) {
  out.set_pubsub_name(subscription.pubsub);
  out.set_topic(subscription.topic);
  put_all(*out.mutable_metadata(), subscription.metadata);
  for (const auto& rule : subscription.rules) {
    auto& made = *out.mutable_rules()->add_rules();
    made.set_match(rule.match);
    made.set_path(rule.path);
  }
  out.set_dead_letter_topic(subscription.dead_letter_topic);
  out.set_type(type_of(subscription.kind));
}

void fill(pb::AppConnectionProperties& out, const Application& application) {
  const auto& connection = application.connection;
  out.set_port(connection.port);
  out.set_protocol(std::string(protocol_name(connection.protocol)));
  out.set_channel_address(connection.address);
  out.set_max_concurrency(connection.concurrency_max);
  const auto& probe = application.probe;
  if (!probe.enabled) return;
  auto& health = *out.mutable_health();
  const bool http = connection.protocol != AppProtocol::grpc && connection.protocol != AppProtocol::grpcs;
  if (http) health.set_health_check_path(probe.path);
  health.set_health_probe_interval(text::format_go_duration(probe.interval));
  health.set_health_probe_timeout(text::format_go_duration(probe.timeout));
  health.set_health_threshold(probe.threshold);
}

void fill_resources(pb::GetMetadataResponse& out, const Application& application, const Snapshot& snapshot) {
  for (const auto& entry : snapshot.components) {
    if (entry.state != ComponentState::ready) continue;
    auto& component = *out.add_registered_components();
    component.set_name(entry.spec->name);
    component.set_type(entry.spec->type);
    component.set_version(entry.spec->version);
    for (const auto& capability : entry.capabilities) component.add_capabilities(capability);
  }
  for (const auto& subscription : application.subscriptions()) fill(*out.add_subscriptions(), subscription);
  for (const auto& [name, endpoint] : snapshot.endpoints) out.add_http_endpoints()->set_name(name);
  for (const auto& name : snapshot.resiliency_names) out.add_resiliencies()->set_name(name);
}

Async<pb::GetMetadataResponse> get(Application& application, GrpcRequest& request, pb::GetMetadataRequest) {
  const auto& snapshot = *request.scope.snapshot;
  pb::GetMetadataResponse out;
  out.set_id(application.info.id);
  out.set_runtime_version(application.info.version);
  for (const auto& [name, on] : snapshot.configuration.features) {
    if (on) out.add_enabled_features(name);
  }
  put_all(*out.mutable_extended_metadata(), application.attributes());
  (*out.mutable_extended_metadata())["daprRuntimeVersion"] = application.info.version;
  fill_resources(out, application, snapshot);
  fill(*out.mutable_app_connection_properties(), application);
  auto& actors = *out.mutable_actor_runtime();
  if (application.app_started) {
    actors.set_runtime_status(pb::ActorRuntime::DISABLED);
    actors.set_placement("placement: disconnected");
  }
  out.mutable_workflows();
  co_return out;
}

Async<Empty> set(Application& application, GrpcRequest&, pb::SetMetadataRequest message) {
  if (!message.key().empty()) application.set_attribute(message.key(), message.value());
  co_return Empty();
}

Async<void> shut_down(const std::function<void(bool)>& shutdown, GrpcRequest& request) {
  pb::ShutdownRequest message;
  MECHA_CO_TRY_VOID(co_await read_only_message(request, message));
  const bool force = text::equals_nocase(request.call.metadata().value_or("dapr-force-shutdown"), "true");
  MECHA_CO_TRY_VOID(co_await request.write(Empty()));
  auto answered = co_await request.call.finish({});
  shutdown(force);
  co_return answered;
}

}  // namespace

std::vector<GrpcMethod> metadata_methods(Application& application) {
  return {
      unary("GetMetadata", "metadata.v1", application, get),
      unary("SetMetadata", "metadata.v1", application, set),
  };
}

std::vector<GrpcMethod> shutdown_methods(const std::function<void(bool)>& shutdown) {
  return {free_form("Shutdown", "shutdown.v1", shutdown, shut_down)};
}

}  // namespace mecha::api
