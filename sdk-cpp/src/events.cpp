// Messages of the protocol into events, and verdicts and lists into messages.

#include "src/events.h"

#include <utility>

#include <google/protobuf/util/json_util.h>

namespace mecha::wire {
namespace {

template <class Map>
Metadata taken(Map& from) {
  Metadata to;
  for (auto& [key, value] : from) to.emplace(key, std::move(value));
  return to;
}

void take_extensions(TopicEvent& to, const google::protobuf::Struct& from) {
  if (!google::protobuf::util::MessageToJsonString(from, &to.extensions).ok())
    to.extensions.clear();
  for (const char* name : {"traceparent", "tracestate", "baggage"}) {
    const auto found = from.fields().find(name);
    if (found != from.fields().end() && !found->second.string_value().empty())
      to.metadata.emplace(name, found->second.string_value());
  }
}

// What a message and one of a batch have in common.
template <class Message>
TopicEvent envelope_of(Message& from) {
  TopicEvent to;
  to.id = std::move(*from.mutable_id());
  to.source = std::move(*from.mutable_source());
  to.type = std::move(*from.mutable_type());
  to.spec_version = std::move(*from.mutable_spec_version());
  to.content_type = std::move(*from.mutable_data_content_type());
  to.data = std::move(*from.mutable_data());
  if (from.has_extensions()) take_extensions(to, from.extensions());
  return to;
}

v1::TopicEventResponse_TopicEventResponseStatus status_of(Verdict verdict) {
  return static_cast<v1::TopicEventResponse_TopicEventResponseStatus>(verdict);
}

}  // namespace

TopicEvent event_of(v1::TopicEventRequest& from) {
  auto to = envelope_of(from);
  to.topic = std::move(*from.mutable_topic());
  to.pubsub = std::move(*from.mutable_pubsub_name());
  to.path = std::move(*from.mutable_path());
  return to;
}

BulkTopicEvent batch_of(v1::TopicEventBulkRequest& from) {
  BulkTopicEvent to;
  to.id = std::move(*from.mutable_id());
  to.pubsub = std::move(*from.mutable_pubsub_name());
  to.topic = std::move(*from.mutable_topic());
  to.path = std::move(*from.mutable_path());
  to.metadata = taken(*from.mutable_metadata());
  for (auto& entry : *from.mutable_entries()) {
    TopicEvent event;
    if (entry.has_cloud_event()) event = envelope_of(*entry.mutable_cloud_event());
    if (entry.event_case() == v1::TopicEventBulkRequestEntry::kBytes) {
      event.data = std::move(*entry.mutable_bytes());
      event.content_type = std::move(*entry.mutable_content_type());
    }
    event.topic = to.topic;
    event.pubsub = to.pubsub;
    event.path = to.path;
    event.metadata.merge(taken(*entry.mutable_metadata()));
    to.entries.push_back({std::move(*entry.mutable_entry_id()), std::move(event)});
  }
  return to;
}

MethodCall call_of(common::InvokeRequest& from) {
  MethodCall to;
  to.method = std::move(*from.mutable_method());
  if (to.method.starts_with('/')) to.method.erase(0, 1);
  to.data = std::move(*from.mutable_data()->mutable_value());
  to.content_type = std::move(*from.mutable_content_type());
  if (from.has_http_extension()) {
    auto& http = *from.mutable_http_extension();
    if (http.verb() != common::HTTPExtension::NONE)
      to.verb = common::HTTPExtension_Verb_Name(http.verb());
    to.query = std::move(*http.mutable_querystring());
  }
  return to;
}

BindingEvent binding_of(v1::BindingEventRequest& from) {
  return {
      std::move(*from.mutable_name()),
      std::move(*from.mutable_data()),
      taken(*from.mutable_metadata())
  };
}

JobEvent job_of(v1::JobEventRequest& from) {
  return {
      std::move(*from.mutable_name()),
      std::move(*from.mutable_data()->mutable_value()),
      std::move(*from.mutable_content_type())
  };
}

void fill(common::InvokeResponse& to, MethodReply&& from) {
  to.mutable_data()->set_value(std::move(from.data));
  to.set_content_type(std::move(from.content_type));
}

void fill(v1::ListTopicSubscriptionsResponse& to, std::vector<TopicSubscription>&& from) {
  for (auto& subscription : from) {
    auto& message = *to.add_subscriptions();
    message.set_pubsub_name(std::move(subscription.pubsub));
    message.set_topic(std::move(subscription.topic));
    message.set_dead_letter_topic(std::move(subscription.dead_letter_topic));
    for (auto& [key, value] : subscription.metadata) (*message.mutable_metadata())[key] = value;
    auto& routes = *message.mutable_routes();
    for (auto& rule : subscription.rules) {
      auto& to_rule = *routes.add_rules();
      to_rule.set_match(std::move(rule.match));
      to_rule.set_path(std::move(rule.path));
    }
    routes.set_default_(std::move(subscription.default_path));
    if (!subscription.bulk) continue;
    auto& bulk = *message.mutable_bulk_subscribe();
    bulk.set_enabled(true);
    bulk.set_max_messages_count(subscription.bulk->max_messages);
    bulk.set_max_await_duration_ms(static_cast<std::int32_t>(subscription.bulk->max_wait.count()));
  }
}

void fill(v1::TopicEventResponse& to, Verdict from) { to.set_status(status_of(from)); }

void fill(v1::TopicEventBulkResponse& to, std::vector<EntryVerdict>&& from) {
  for (auto& entry : from) {
    auto& message = *to.add_statuses();
    message.set_entry_id(std::move(entry.entry_id));
    message.set_status(status_of(entry.verdict));
  }
}

void fill(v1::ListInputBindingsResponse& to, std::vector<std::string>&& from) {
  for (auto& name : from) to.add_bindings(std::move(name));
}

void fill(v1::BindingEventResponse& to, BindingReply&& from) {
  for (auto& name : from.to) to.add_to(std::move(name));
  to.set_data(std::move(from.data));
  to.set_concurrency(
      from.parallel ? v1::BindingEventResponse::PARALLEL : v1::BindingEventResponse::SEQUENTIAL
  );
}

}  // namespace mecha::wire
