// Publishing into the fake: the checks and the envelope of a sidecar.

#include <algorithm>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>
#include <google/protobuf/util/json_util.h>

#include "testing/fake_api.h"
#include "testing/lifetime.h"
#include "testing/rules.h"
#include "testing/topic.h"

namespace mecha::testing::detail {
namespace {

using google::protobuf::Struct;
using google::protobuf::util::JsonStringToMessage;
using google::protobuf::util::MessageToJsonString;

struct Failure {
  std::string reason;
  std::string message;
};

Error refused(Failure failure, const std::string& pubsub, const Metadata& metadata) {
  return detailed(
      Code::invalid_argument,
      std::move(failure.message),
      {std::move(failure.reason), "pubsub", pubsub, metadata}
  );
}

// Under the lock. True for a raw message.
Result<bool> check(
    const Hub& hub, const std::string& pubsub, const std::string& topic, const Metadata& metadata
) {
  if (pubsub.empty())
    return refused({"DAPR_PUBSUB_NAME_EMPTY", "pubsub name is empty"}, "", metadata);
  if (hub.known("pubsub", pubsub) != Hub::Known::yes) {
    return detailed(
        Code::invalid_argument, "pubsub " + pubsub + " is not found", {"DAPR_PUBSUB_NOT_FOUND"}
    );
  }
  if (topic.empty()) {
    return refused(
        {"DAPR_PUBSUB_TOPIC_NAME_EMPTY", "topic is empty in pubsub " + pubsub}, pubsub, metadata
    );
  }
  const auto found = metadata.find("rawPayload");
  if (found == metadata.end() || found->second.empty()) return false;
  const auto& value = found->second;
  for (const auto* yes : {"true", "True", "TRUE", "t", "T", "1"})
    if (value == yes) return true;
  for (const auto* no : {"false", "False", "FALSE", "f", "F", "0"})
    if (value == no) return false;
  return refused(
      {"DAPR_PUBSUB_METADATA_DESERIALIZATION",
       "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is '" +
           value + "'"},
      pubsub,
      metadata
  );
}

std::string json_of(const google::protobuf::Message& message) {
  std::string text;
  return MessageToJsonString(message, &text).ok() ? text : std::string();
}

std::string text_of(const google::protobuf::Value& value) {
  return value.kind_case() == google::protobuf::Value::kStringValue ? value.string_value()
                                                                    : json_of(value);
}

std::string take(Struct& event, const char* field) {
  const auto found = event.fields().find(field);
  if (found == event.fields().end()) return {};
  auto text = text_of(found->second);
  event.mutable_fields()->erase(field);
  return text;
}

void put(Struct& to, const char* field, const std::string& value) {
  (*to.mutable_fields())[field].set_string_value(value);
}

void put_missing(Struct& to, const char* field, const std::string& value) {
  if (!to.fields().contains(field)) put(to, field, value);
}

void add_common(Struct& extensions, const PublishRequest& request, Time now, const TraceContext* trace) {
  put(extensions, "topic", request.topic);
  put(extensions, "pubsubname", request.pubsub);
  put_missing(extensions, "time", time_text(now));
  const std::string parent = trace != nullptr ? trace->traceparent : "";
  put_missing(extensions, "tracestate", trace != nullptr ? trace->tracestate : "");
  put_missing(extensions, "traceid", parent);
  put_missing(extensions, "traceparent", parent);
  const auto raw = request.metadata.find("rawPayload");  // checked; a raw message has no envelope
  const bool plain = raw == request.metadata.end() || raw->second.empty() || std::string_view("fF0").find(raw->second[0]) != std::string_view::npos;
  const auto life = lifetime_of(request.metadata);
  if (!life || !plain) return;
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(Time::max() - now);
  put(extensions, "expiration", time_text(now + std::chrono::duration_cast<Time::duration>(std::min(*life, left))));
}

// The trace of the envelope stands in the metadata of the event too, as over the wire.
void take_trace(TopicEvent& to, const Struct& from) {
  for (const char* name : {"traceparent", "tracestate", "baggage"}) {
    const auto found = from.fields().find(name);
    if (found != from.fields().end() && !found->second.string_value().empty())
      to.metadata.emplace(name, found->second.string_value());
  }
}

// The data of a JSON event as it comes out of its envelope.
std::string json_data(const std::string& data) {
  google::protobuf::Value value;
  if (JsonStringToMessage(data, &value).ok()) return data;
  value.set_string_value(data);
  return json_of(value);
}

std::string override_of(const PublishRequest& request, const char* key, std::string otherwise) {
  const auto found = request.metadata.find(key);
  return found == request.metadata.end() || found->second.empty() ? otherwise : found->second;
}

// As a sidecar reads an event: `data_base64`, or `data` by its type; of other types there is nothing.
std::optional<std::string> data_of(Struct& event, const std::string& content_type) {
  if (const auto binary = event.fields().find("data_base64"); binary != event.fields().end()) {
    google::protobuf::BytesValue bytes;
    const bool is_text = binary->second.kind_case() == google::protobuf::Value::kStringValue;
    if (is_text && !JsonStringToMessage(json_of(binary->second), &bytes).ok()) return std::nullopt;
    event.mutable_fields()->erase("data_base64");
    event.mutable_fields()->erase(is_text ? "data" : "data_base64");
    if (is_text) return std::move(*bytes.mutable_value());
  }
  const auto found = event.fields().find("data");
  if (found == event.fields().end()) return std::string();
  const auto media = media_type(content_type);
  const bool text = media.starts_with("text/") || media == "application/xml";
  auto data = is_json(media) ? json_of(found->second) : text ? text_of(found->second) : std::string();
  event.mutable_fields()->erase("data");
  return data;
}

// Data that is an envelope already.
Result<TopicEvent> complete(const Hub& hub, const PublishRequest& request, const TraceContext* trace) {
  Struct event;
  if (!JsonStringToMessage(request.data, &event).ok()) {
    return detailed(
        Code::invalid_argument,
        "cannot create cloudevent",
        {"DAPR_PUBSUB_CLOUD_EVENT_CREATION", "pubsub", request.pubsub, {{"appID", hub.options.app_id}, {"error", "the event is no JSON object"}}}
    );
  }
  TopicEvent to;
  to.id = take(event, "id");
  to.source = take(event, "source");
  to.type = take(event, "type");
  to.spec_version = take(event, "specversion");
  to.content_type = take(event, "datacontenttype");
  auto data = data_of(event, to.content_type);
  // A sidecar takes it, and finds out when it delivers.
  if (!data) return mecha::fail(Code::invalid_argument, "data_base64 is no base64");
  to.data = *std::move(data);
  if (to.source.empty()) to.source = "Dapr";
  if (to.type.empty()) to.type = "com.dapr.event.sent";
  if (to.spec_version.empty()) to.spec_version = "1.0";
  add_common(event, request, hub.now, trace);
  take_trace(to, event);
  to.extensions = json_of(event);
  return to;
}

}  // namespace

Result<TopicEvent> envelope(Hub& hub, const PublishRequest& request, const TraceContext* trace) {
  TopicEvent to;
  const auto media = media_type(request.content_type);
  if (media == "application/cloudevents+json") {
    auto completed = complete(hub, request, trace);
    if (!completed) return completed;
    to = std::move(*completed);
  } else {
    Struct extensions;
    to.id = override_of(request, "cloudevent.id", hub.next_id());
    to.source = override_of(request, "cloudevent.source", hub.options.app_id);
    to.type = override_of(request, "cloudevent.type", "com.dapr.event.sent");
    to.spec_version = "1.0";
    to.content_type = request.content_type.empty() ? "text/plain" : request.content_type;
    to.data = media == "application/json" ? json_data(request.data) : request.data;
    const auto subject = override_of(request, "cloudevent.subject", "");
    if (!subject.empty()) put(extensions, "subject", subject);
    add_common(extensions, request, hub.now, trace);
    take_trace(to, extensions);
    to.extensions = json_of(extensions);
  }
  to.topic = request.topic;
  to.pubsub = request.pubsub;
  to.path = "/";
  return to;
}

Result<void> publish_one(Hub& hub, PublishRequest request, const TraceContext* trace, bool own) {
  TopicEvent event;
  {
    const std::lock_guard lock(hub.mutex);
    auto raw = check(hub, request.pubsub, request.topic, request.metadata);
    if (!raw.has_value()) return std::move(raw).error();
    auto made = envelope(hub, request, trace);
    if (!made) return std::move(made).error();
    event = std::move(*made);
    if (*raw) {
      event.content_type = "application/octet-stream";
      event.data = request.data;
    }
    if (own) {
      hub.published.push_back(
          {event.id,
           std::move(request.pubsub),
           std::move(request.topic),
           std::move(request.data),
           std::move(request.content_type),
           std::move(request.metadata),
           *raw}
      );
    }
  }
  deliver(hub, std::move(event));
  return {};
}

namespace {

// Under no lock: the checks of the whole batch, then one message after the other.
Result<std::vector<FailedEntry>> publish_all(Hub& hub, BulkPublishRequest request) {
  {
    const std::lock_guard lock(hub.mutex);
    auto raw = check(hub, request.pubsub, request.topic, request.metadata);
    if (!raw.has_value()) return std::move(raw).error();
    std::set<std::string_view> seen;
    for (const auto& entry : request.entries) {
      if (!entry.id.empty() && seen.insert(entry.id).second) continue;
      const std::string cause = "entryId is duplicated or not present for entry";
      return refused(
          {"DAPR_PUBSUB_MARSHAL_EVENTS",
           "error marshaling events to bytes for topic " + request.topic + " pubsub " +
               request.pubsub + ". error: " + cause},
          request.pubsub,
          {{"appID", hub.options.app_id}, {"error", cause}}
      );
    }
  }
  const auto raw = request.metadata.find("rawPayload");
  for (auto& entry : request.entries) {
    // As a sidecar has it, metadata of the batch is added to that of an entry, where it has any.
    if (!entry.metadata.empty()) entry.metadata.insert(request.metadata.begin(), request.metadata.end());
    if (raw != request.metadata.end()) entry.metadata["rawPayload"] = raw->second;
    auto done = publish_one(
        hub,
        {request.pubsub,
         request.topic,
         std::move(entry.data),
         std::move(entry.content_type),
         std::move(entry.metadata)},
        nullptr,
        true
    );
    if (!done) return std::move(done).error();
  }
  return std::vector<FailedEntry>();
}

// The trace of a call is known in its task only.
Task<Result<void>> publish_traced(
    std::shared_ptr<Hub> hub, PublishRequest request, std::shared_ptr<const TraceContext> trace
) {
  if (!trace) {
    const TaskContext* task = co_await current_context();
    if (task != nullptr) trace = task->trace;
  }
  const auto sent = as_sent(std::move(trace));
  co_return publish_one(*hub, std::move(request), sent.get(), true);
}

}  // namespace

Task<Result<void>> FakeApi::publish(PublishRequest request, CallOptions options) {
  Site site{Call::publish, request.pubsub, {request.topic}};
  return run<void>(
      hub_,
      std::move(site),
      options,
      [hub = hub_, trace = options.trace, request = std::move(request)](Hub&) mutable {
        return publish_traced(hub, std::move(request), trace);
      }
  );
}

Task<Result<std::vector<FailedEntry>>> FakeApi::publish_bulk(
    BulkPublishRequest request, CallOptions options
) {
  Site site{Call::publish_bulk, request.pubsub, {request.topic}};
  return run<std::vector<FailedEntry>>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable {
        return publish_all(hub, std::move(request));
      }
  );
}

}  // namespace mecha::testing::detail
