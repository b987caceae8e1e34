// Messages of the protocol into events, and verdicts and lists into messages.
#pragma once

#include "dapr/proto/common/v1/common.pb.h"
#include "dapr/proto/runtime/v1/appcallback.pb.h"
#include "mecha/callback.h"

namespace mecha::wire {

namespace v1 = dapr::proto::runtime::v1;
namespace common = dapr::proto::common::v1;

/// The trace that the envelope names stands in the metadata too.
TopicEvent event_of(v1::TopicEventRequest& from);
BulkTopicEvent batch_of(v1::TopicEventBulkRequest& from);
MethodCall call_of(common::InvokeRequest& from);
BindingEvent binding_of(v1::BindingEventRequest& from);
JobEvent job_of(v1::JobEventRequest& from);

void fill(common::InvokeResponse& to, MethodReply&& from);
void fill(v1::ListTopicSubscriptionsResponse& to, std::vector<TopicSubscription>&& from);
void fill(v1::TopicEventResponse& to, Verdict from);
void fill(v1::TopicEventBulkResponse& to, std::vector<EntryVerdict>&& from);
void fill(v1::ListInputBindingsResponse& to, std::vector<std::string>&& from);
void fill(v1::BindingEventResponse& to, BindingReply&& from);

}  // namespace mecha::wire
