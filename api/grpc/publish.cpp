#include "api/grpc/publish.hpp"

#include <google/protobuf/empty.pb.h>

#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/pubsub.pb.h"
#include "runtime/capabilities/pubsub/publisher.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
using google::protobuf::Empty;
using pubsub::Publisher;

Async<Empty> publish(const Publisher& publisher, GrpcRequest& request, pb::PublishEventRequest message) {
  describe_messages(request, message.pubsub_name());
  pubsub::PublishEvent event{
      .pubsub = std::move(*message.mutable_pubsub_name()),
      .topic = std::move(*message.mutable_topic()),
      .data = std::move(*message.mutable_data()),
      .content_type = std::move(*message.mutable_data_content_type()),
      .metadata = to_metadata(message.metadata()),
      .metadata_given = !message.metadata().empty()};
  MECHA_CO_TRY_VOID(co_await publisher.publish(request.scope, std::move(event)));
  co_return Empty();
}

Async<pb::BulkPublishResponse> bulk_publish(
    const Publisher& publisher, GrpcRequest& request, pb::BulkPublishRequest message
) {
  describe_messages(request, message.pubsub_name());
  pubsub::BulkPublishEvents events{
      .pubsub = std::move(*message.mutable_pubsub_name()),
      .topic = std::move(*message.mutable_topic()),
      .metadata = to_metadata(message.metadata()),
      .span_name = std::string(request.call.method())};
  for (auto& entry : *message.mutable_entries()) {
    auto& made = events.entries.emplace_back();
    made.entry_id = std::move(*entry.mutable_entry_id());
    made.data = std::move(*entry.mutable_event());
    made.content_type = std::move(*entry.mutable_content_type());
    if (!entry.metadata().empty()) made.metadata = to_metadata(entry.metadata());
  }
  MECHA_CO_TRY(const auto outcome, co_await publisher.bulk_publish(request.scope, std::move(events)));
  if (outcome.error) co_return fail(*outcome.error);
  co_return pb::BulkPublishResponse();
}

}  // namespace

std::vector<GrpcMethod> publish_methods(const Publisher& publisher) {
  return {
      unary("PublishEvent", "publish.v1", publisher, publish),
      unary("BulkPublishEvent", "publish.v1", publisher, bulk_publish),
      unary("BulkPublishEventAlpha1", "publish.v1alpha1", publisher, bulk_publish),
  };
}

}  // namespace mecha::api
