#include "api/grpc/configuration.hpp"

#include "api/errors/configuration.hpp"
#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/configuration.pb.h"
#include "runtime/capabilities/configuration/configuration.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
namespace common = dapr::proto::common::v1;
using configuration::ConfigurationCapability;
using ItemMap = google::protobuf::Map<std::string, common::ConfigurationItem>;

template <class M>
configuration::ItemsRequest items_request(M& message) {
  return {
      .store = std::move(*message.mutable_store_name()),
      .keys = {message.keys().begin(), message.keys().end()},
      .metadata = to_metadata(message.metadata())};
}

void put_items(ItemMap& to, configuration::Items items) {
  for (auto& [key, item] : items) {
    auto& out = to[key];
    out.set_value(valid_text(std::move(item.value)));
    out.set_version(valid_text(std::move(item.version)));
    put_all(*out.mutable_metadata(), item.metadata);
  }
}

Async<pb::GetConfigurationResponse> get(
    ConfigurationCapability& configurations, GrpcRequest& request, pb::GetConfigurationRequest message
) {
  MECHA_CO_TRY(auto items, co_await configurations.get(request.scope, items_request(message)));
  pb::GetConfigurationResponse answer;
  put_items(*answer.mutable_items(), std::move(items));
  co_return answer;
}

// The first message has the id alone; then one for each change, until either side ends the subscription.
Async<void> tell(GrpcRequest& request, configuration::Updates& updates) {
  pb::SubscribeConfigurationResponse first;
  first.set_id(updates.id());
  MECHA_CO_TRY_VOID(co_await request.write(first));
  for (;;) {
    auto items = co_await updates.next();
    if (!items) co_return Result<void>{};
    pb::SubscribeConfigurationResponse message;
    message.set_id(updates.id());
    put_items(*message.mutable_items(), *std::move(items));
    MECHA_CO_TRY_VOID(co_await request.write(message));
  }
}

Async<void> subscribe(ConfigurationCapability& configurations, GrpcRequest& request) {
  pb::SubscribeConfigurationRequest message;
  MECHA_CO_TRY_VOID(co_await read_only_message(request, message));
  MECHA_CO_TRY(const auto updates, co_await configurations.open(request.scope, items_request(message)));
  const CancelHook in_order(request.scope, [&updates] { updates->end(); });
  if (request.scope.cancelled) updates->end();
  co_await asio::this_coro::reset_cancellation_state();
  request.scope.snapshot.reset();  // a stream holds nothing that hot reload takes away
  auto told = co_await tell(request, *updates);
  co_await configurations.close(updates->id());
  co_return told;
}

// The store's name is not looked at; an id that is not that of a stream is told in an answer, not by a status.
Async<pb::UnsubscribeConfigurationResponse> unsubscribe(
    ConfigurationCapability& configurations, GrpcRequest&, pb::UnsubscribeConfigurationRequest message
) {
  const bool ended = co_await configurations.close(message.id());
  pb::UnsubscribeConfigurationResponse answer;
  answer.set_ok(ended);
  if (!ended) {
    answer.set_message(errors::configuration_unsubscribe(message.id(), "subscription does not exist").message);
  }
  co_return answer;
}

}  // namespace

std::vector<GrpcMethod> configuration_methods(ConfigurationCapability& configurations) {
  std::vector<GrpcMethod> methods;
  for (const std::string version : {"", "Alpha1"}) {
    const std::string group = version.empty() ? "configuration.v1" : "configuration.v1alpha1";
    methods.push_back(unary("GetConfiguration" + version, group, configurations, get));
    methods.push_back(streaming("SubscribeConfiguration" + version, group, configurations, subscribe));
    methods.push_back(unary("UnsubscribeConfiguration" + version, group, configurations, unsubscribe));
  }
  return methods;
}

}  // namespace mecha::api
