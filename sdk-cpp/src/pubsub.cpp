// Publishing over the wire, and subscriptions on a stream.

#include "mecha/pubsub.h"

#include <atomic>
#include <string>
#include <utility>

#include "mecha/subscribe.h"
#include "src/duplex.h"
#include "src/events.h"
#include "src/remote.h"

namespace mecha {

std::optional<Error> detail::add_publish_options(
    Metadata& metadata, const PublishOptions& options
) {
  if (options.ttl && options.ttl->count() <= 0)
    return fail(Code::invalid_argument, "the time to live of a message is not positive");
  for (const auto& [key, value] : options.metadata) metadata.emplace(key, value);
  if (options.ttl) {
    metadata["ttlInSeconds"] =
        std::to_string(std::chrono::ceil<std::chrono::seconds>(*options.ttl).count());
  }
  if (options.raw) metadata["rawPayload"] = "true";
  return std::nullopt;
}

namespace wire {
namespace {

using google::protobuf::Empty;

Result<std::vector<FailedEntry>>
failures_of(v1::BulkPublishResponse& answer, const grpc::ClientContext&) {
  std::vector<FailedEntry> to;
  for (auto& entry : *answer.mutable_failedentries()) {
    to.push_back({std::move(*entry.mutable_entry_id()), std::move(*entry.mutable_error())});
  }
  return to;
}

void fill_bulk(v1::BulkPublishRequest& to, const BulkPublishRequest& from) {
  to.set_pubsub_name(from.pubsub);
  to.set_topic(from.topic);
  for (const auto& entry : from.entries) {
    auto& message = *to.add_entries();
    message.set_entry_id(entry.id);
    message.set_event(entry.data);
    message.set_content_type(entry.content_type);
    for (const auto& [key, value] : entry.metadata) (*message.mutable_metadata())[key] = value;
  }
  for (const auto& [key, value] : from.metadata) (*to.mutable_metadata())[key] = value;
}

// The stable method, and the older one where a sidecar knows only that.
Task<Result<std::vector<FailedEntry>>> bulk(
    std::shared_ptr<const Core> core, BulkPublishRequest request, CallOptions options
) {
  auto* call = make_unary<std::vector<FailedEntry>>(
      core,
      MECHA_METHOD(BulkPublishEvent, v1::BulkPublishRequest, v1::BulkPublishResponse),
      &failures_of,
      CallOptions(options)
  );
  fill_bulk(call->request, request);
  auto failed = co_await detail::TaskAccess::make(call);
  if (failed.has_value() || failed.error().code != Code::unimplemented) co_return failed;
  auto* older = make_unary<std::vector<FailedEntry>>(
      core,
      MECHA_METHOD(BulkPublishEventAlpha1, v1::BulkPublishRequest, v1::BulkPublishResponse),
      &failures_of,
      std::move(options)
  );
  fill_bulk(older->request, request);
  co_return co_await detail::TaskAccess::make(older);
}

using TopicDuplex =
    Duplex<v1::SubscribeTopicEventsRequestAlpha1, v1::SubscribeTopicEventsResponseAlpha1>;

class TopicCall final : public TopicDuplex {
 public:
  TopicCall(std::shared_ptr<const Core> core, CallOptions options)
      : TopicDuplex(std::move(core), Rpc::SubscribeTopicEventsAlpha1, std::move(options)) {}

 private:
  bool limits_stream() const override { return false; }
};

class RemoteTopic final : public TopicStream {
 public:
  RemoteTopic(std::shared_ptr<const Core> core, SubscribeRequest request, CallOptions options)
      : call_(std::make_shared<TopicCall>(std::move(core), std::move(options))),
        request_(std::move(request)) {}
  ~RemoteTopic() override { call_->cancel(); }

  Task<Result<std::optional<TopicEvent>>> next() override {
    if (!open_) {
      if (opening_.exchange(true))
        co_return fail(Code::failed_precondition, "a read of this stream is under way");
      auto opened = co_await open();
      opening_ = false;
      if (!opened) co_return std::move(opened).error();
      open_ = true;
    }
    for (;;) {
      auto message = co_await call_->read();
      if (!message) co_return std::move(message).error();
      if (!*message) co_return std::optional<TopicEvent>();
      if ((*message)->has_event_message()) co_return event_of(*(*message)->mutable_event_message());
    }
  }

  Task<Result<void>> answer(std::string id, Verdict verdict) override {
    v1::SubscribeTopicEventsRequestAlpha1 message;
    auto& processed = *message.mutable_event_processed();
    processed.set_id(std::move(id));
    processed.mutable_status()->set_status(
        static_cast<v1::TopicEventResponse_TopicEventResponseStatus>(verdict)
    );
    return call_->write(std::move(message));
  }

  void cancel() noexcept override { call_->cancel(); }

 private:
  Task<Result<void>> open() {
    v1::SubscribeTopicEventsRequestAlpha1 message;
    auto& initial = *message.mutable_initial_request();
    initial.set_pubsub_name(request_.pubsub);
    initial.set_topic(request_.topic);
    fill(*initial.mutable_metadata(), Metadata(request_.metadata));
    if (request_.dead_letter_topic) initial.set_dead_letter_topic(*request_.dead_letter_topic);
    // Where the call has failed already, reading tells why.
    auto sent = co_await call_->write(std::move(message));
    auto consent = co_await call_->read();
    call_->consented();
    if (!consent) co_return std::move(consent).error();
    if (!*consent)
      co_return fail(Code::unavailable, "the sidecar ended the subscription before it began");
    if (!(*consent)->has_initial_response()) {
      co_return fail(
          Code::internal, "the sidecar began the subscription with something else than its consent"
      );
    }
    co_return sent;
  }

  std::shared_ptr<TopicCall> call_;
  SubscribeRequest request_;
  std::atomic<bool> opening_{false}, open_{false};
};

}  // namespace

Task<Result<void>> Remote::publish(PublishRequest request, CallOptions options) {
  auto* call = make_unary<void>(
      core_,
      MECHA_METHOD(PublishEvent, v1::PublishEventRequest, Empty),
      &nothing<Empty>,
      std::move(options)
  );
  call->request.set_pubsub_name(std::move(request.pubsub));
  call->request.set_topic(std::move(request.topic));
  call->request.set_data(std::move(request.data));
  call->request.set_data_content_type(std::move(request.content_type));
  fill(*call->request.mutable_metadata(), std::move(request.metadata));
  return detail::TaskAccess::make(call);
}

Task<Result<std::vector<FailedEntry>>> Remote::publish_bulk(
    BulkPublishRequest request, CallOptions options
) {
  return bulk(core_, std::move(request), std::move(options));
}

std::unique_ptr<TopicStream> Remote::subscribe(SubscribeRequest request, CallOptions options) {
  return std::make_unique<RemoteTopic>(core_, std::move(request), std::move(options));
}

}  // namespace wire
}  // namespace mecha
