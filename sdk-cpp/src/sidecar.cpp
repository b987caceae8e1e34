// The sidecar itself over the wire.

#include "mecha/sidecar.h"

#include <algorithm>
#include <utility>

#include "src/remote.h"
#include "src/timer.h"
#include "src/unary.h"

namespace mecha::wire {
namespace {

using google::protobuf::Empty;

SubscriptionInfo subscription_of(v1::PubsubSubscription& from) {
  SubscriptionInfo to;
  to.pubsub = std::move(*from.mutable_pubsub_name());
  to.topic = std::move(*from.mutable_topic());
  to.dead_letter_topic = std::move(*from.mutable_dead_letter_topic());
  const int kind = from.type();
  if (kind >= 0 && kind <= 3) to.kind = static_cast<SubscriptionInfo::Kind>(kind);
  to.metadata = take_map(*from.mutable_metadata());
  for (auto& rule : *from.mutable_rules()->mutable_rules()) {
    to.rules.push_back({std::move(*rule.mutable_match()), std::move(*rule.mutable_path())});
  }
  return to;
}

template <class Named>
std::vector<std::string> names_of(Named& from) {
  std::vector<std::string> to;
  for (auto& one : from) to.push_back(std::move(*one.mutable_name()));
  return to;
}

ActorRuntimeInfo actors_of(const v1::ActorRuntime& from) {
  ActorRuntimeInfo to;
  const int status = from.runtime_status();
  if (status >= 0 && status <= 2) to.status = static_cast<ActorRuntimeInfo::Status>(status);
  to.host_ready = from.host_ready();
  to.placement = from.placement();
  for (const auto& active : from.active_actors()) to.active.push_back({active.type(), active.count()});
  return to;
}

// The parts that a sidecar may not have.
void take_parts(SidecarInfo& to, v1::GetMetadataResponse& from) {
  if (from.has_actor_runtime()) to.actor_runtime = actors_of(from.actor_runtime());
  if (from.has_scheduler()) {
    const auto& addresses = from.scheduler().connected_addresses();
    to.scheduler_addresses.emplace(addresses.begin(), addresses.end());
  }
  if (from.has_workflows()) to.workflow_workers = from.workflows().connected_workers();
  to.mcp_servers = names_of(*from.mutable_mcp_servers());
  to.workflow_access_policies = names_of(*from.mutable_workflow_access_policies());
  to.resiliencies = names_of(*from.mutable_resiliencies());
  if (!from.app_connection_properties().has_health()) return;
  const auto& health = from.app_connection_properties().health();
  to.app_health = AppHealthInfo{
      health.health_check_path(),
      health.health_probe_interval(),
      health.health_probe_timeout(),
      health.health_threshold()
  };
}

Result<SidecarInfo> info_of(v1::GetMetadataResponse& from, const grpc::ClientContext&) {
  SidecarInfo to;
  to.app_id = std::move(*from.mutable_id());
  to.runtime_version = std::move(*from.mutable_runtime_version());
  for (auto& feature : *from.mutable_enabled_features()) to.features.push_back(std::move(feature));
  for (auto& component : *from.mutable_registered_components()) {
    ComponentInfo info{
        std::move(*component.mutable_name()),
        std::move(*component.mutable_type()),
        std::move(*component.mutable_version()),
        {}
    };
    for (auto& capability : *component.mutable_capabilities())
      info.capabilities.push_back(std::move(capability));
    to.components.push_back(std::move(info));
  }
  for (auto& subscription : *from.mutable_subscriptions())
    to.subscriptions.push_back(subscription_of(subscription));
  for (auto& endpoint : *from.mutable_http_endpoints())
    to.http_endpoints.push_back(std::move(*endpoint.mutable_name()));
  to.extended = take_map(*from.mutable_extended_metadata());
  auto& app = *from.mutable_app_connection_properties();
  to.app_port = app.port();
  to.app_protocol = std::move(*app.mutable_protocol());
  to.app_channel_address = std::move(*app.mutable_channel_address());
  to.app_max_concurrency = app.max_concurrency();
  take_parts(to, from);
  return to;
}

Task<Result<SidecarInfo>> ask(std::shared_ptr<const Core> core, CallOptions options) {
  return detail::TaskAccess::make(make_unary<SidecarInfo>(
      std::move(core),
      MECHA_METHOD(GetMetadata, v1::GetMetadataRequest, v1::GetMetadataResponse),
      &info_of,
      std::move(options)
  ));
}

// Asks again and again: there is no call that waits for a sidecar. A wrong token stays wrong, so
// that ends it.
Task<Result<void>> wait(
    std::shared_ptr<const Core> core, std::chrono::milliseconds limit, CallOptions options
) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds pause{50};
  const auto end = detail::after<Clock>(limit);
  std::string why;  // it is not ready; that the time of a question was up says least
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    auto once = options;
    once.timeout = std::max(left, std::chrono::milliseconds(1));
    auto info = co_await ask(core, std::move(once));
    if (info) co_return Result<void>();
    const Code code = info.error().code;
    if (code == Code::unauthenticated || code == Code::cancelled) co_return std::move(info).error();
    if (why.empty() || code != Code::deadline_exceeded) why = info.error().message;
    if (Clock::now() + pause >= end) {
      co_return fail(Code::deadline_exceeded, "the sidecar is not ready: " + why);
    }
    auto slept = co_await sleep_for(pause);
    if (!slept) co_return std::move(slept).error();
    if (options.stop.stop_requested()) co_return stopped();
  }
}

}  // namespace

Task<Result<SidecarInfo>> Remote::get_metadata(CallOptions options) {
  return ask(core_, std::move(options));
}

Task<Result<void>> Remote::set_metadata(std::string key, std::string value, CallOptions options) {
  auto* call = make_unary<void>(
      core_,
      MECHA_METHOD(SetMetadata, v1::SetMetadataRequest, Empty),
      &nothing<Empty>,
      std::move(options)
  );
  call->request.set_key(std::move(key));
  call->request.set_value(std::move(value));
  return detail::TaskAccess::make(call);
}

Task<Result<void>> Remote::wait_until_ready(std::chrono::milliseconds limit, CallOptions options) {
  return wait(core_, limit, std::move(options));
}

Task<Result<void>> Remote::shutdown(CallOptions options) {
  return detail::TaskAccess::make(make_unary<void>(
      core_, MECHA_METHOD(Shutdown, v1::ShutdownRequest, Empty), &nothing<Empty>, std::move(options)
  ));
}

}  // namespace mecha::wire
