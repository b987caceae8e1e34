// Publishing: one message or many to a topic of a named broker.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mecha/codec.h"
#include "mecha/handler.h"
#include "mecha/mode.h"
#include "mecha/subscribe.h"

namespace mecha {

/// One message, as bytes.
struct PublishRequest {
  std::string pubsub;  ///< The name of the component.
  std::string topic;  ///< Where it goes.
  std::string data;  ///< The payload, or an event as a whole.
  std::string content_type = {};  ///< Of `data`; `application/cloudevents+json` for an event as a whole.
  Metadata metadata = {};  ///< Settings of this message, such as `ttlInSeconds`.
};

/// One message of many, as bytes. Made by `bulk_entry`.
struct BulkEntry {
  std::string id;  ///< Unique in its batch; names the message in the answer.
  std::string data;  ///< The payload.
  std::string content_type;  ///< Of `data`.
  Metadata metadata;  ///< Settings of this message.
  std::optional<Error> problem;  ///< Set when the value did not encode; the call then fails with it
                                 ///< and sends nothing.
};

template <Encodable T>
BulkEntry bulk_entry(std::string id, const T& value, Metadata metadata = {}) {
  auto bytes = detail::encode(value);
  BulkEntry entry{std::move(id), {}, std::string(Codec<T>::content_type), std::move(metadata), {}};
  if (bytes) {
    entry.data = std::move(*bytes);
  } else {
    entry.problem = std::move(bytes).error();
  }
  return entry;
}

template <detail::Text Text>
BulkEntry bulk_entry(std::string id, const Text& text, Metadata metadata = {}) {
  return bulk_entry(std::move(id), std::string(std::string_view(text)), std::move(metadata));
}

/// Many messages, as bytes.
struct BulkPublishRequest {
  std::string pubsub;  ///< The name of the component.
  std::string topic;  ///< Where they go.
  std::vector<BulkEntry> entries;  ///< The messages.
  Metadata metadata = {};  ///< Of all of them.
};

/// A message of a batch that the broker did not take.
struct FailedEntry {
  std::string id;  ///< Of the entry.
  std::string error;  ///< Why, in words.
};

/// What one publication may name besides topic and value.
struct PublishOptions {
  std::string content_type = {
  };  ///< Empty: that of the codec. `application/cloudevents+json`: data is an envelope already.
  std::optional<std::chrono::milliseconds> ttl =
      std::nullopt;  ///< Sent as `ttlInSeconds`, rounded up; `invalid_argument` unless positive.
  bool raw = false;  ///< Sent as `rawPayload`: no CloudEvents envelope.
  Metadata metadata = {};  ///< Settings of this message, such as `ttlInSeconds`.
};

/// What a subscription may name besides its topic.
struct SubscribeOptions {
  std::optional<std::string> dead_letter_topic = std::nullopt;  ///< Where messages go that are dropped.
  Metadata metadata = {};  ///< Settings of the subscription.
};

/// See StateApi for what overrides are held to.
class PublishApi {
 public:
  virtual ~PublishApi() = default;
  /// Gives one message to the broker.
  virtual Task<Result<void>> publish(PublishRequest request, CallOptions options);
  /// The messages that failed; empty when the broker has all.
  virtual Task<Result<std::vector<FailedEntry>>> publish_bulk(
      BulkPublishRequest request, CallOptions options
  );
};

namespace detail {
template <>
struct MayRefuse<std::vector<FailedEntry>> : std::true_type {};
/// Or what of the options cannot be meant.
std::optional<Error> add_publish_options(Metadata& metadata, const PublishOptions& options);
/// Gives every message of a stream to a handler, until somebody asks to stop.
Task<Result<void>> receive(
    std::unique_ptr<TopicStream> stream, Handler<TopicEvent, Verdict> handler, std::stop_token stop
);
}  // namespace detail

/// TopicStream for either face. Movable, but not while a call waits. Threads: as TopicStream. It may
/// outlive the client that it comes from.
template <class Mode>
class BasicSubscription {
 public:
  /// Over any implementation of the stream.
  explicit BasicSubscription(std::unique_ptr<TopicStream> stream) : stream_(std::move(stream)) {}

  /// The next message as bytes; empty when the sidecar ended the stream in order.
  auto next() -> typename Mode::template Return<std::optional<TopicEvent>> {
    return Mode::run(stream_->next());
  }
  /// Says what becomes of a message, by its id.
  auto answer(std::string id, Verdict verdict) -> typename Mode::template Return<void> {
    return Mode::run(stream_->answer(std::move(id), verdict));
  }
  /// Ends the subscription, from any thread.
  void cancel() noexcept { stream_->cancel(); }

 private:
  std::unique_ptr<TopicStream> stream_;
};

/// A broker by name. A cheap value; any thread. A message counts as published when the call
/// succeeds, not before.
template <class Mode>
class BasicPubSub {
 public:
  /// `streams` is needed for subscriptions only.
  BasicPubSub(
      std::shared_ptr<PublishApi> api,
      std::string name,
      std::shared_ptr<SubscribeApi> streams = std::make_shared<SubscribeApi>()
  )
      : api_(std::move(api)), streams_(std::move(streams)), name_(std::move(name)) {}

  /// Of the component.
  const std::string& name() const noexcept { return name_; }

  /// Publishes one value.
  template <Encodable T>
  auto publish(
      std::string topic, const T& value, PublishOptions publish = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<void> {
    auto bytes = detail::encode(value);
    if (!bytes) return Mode::run(ready(Result<void>(std::move(bytes).error())));
    PublishRequest request{
        name_, std::move(topic), std::move(*bytes), std::move(publish.content_type), {}
    };
    if (request.content_type.empty()) request.content_type = Codec<T>::content_type;
    request.metadata = std::move(publish.metadata);
    if (auto bad = detail::add_publish_options(request.metadata, publish))
      return Mode::run(ready(Result<void>(std::move(*bad))));
    return Mode::run(api_->publish(std::move(request), std::move(options)));
  }
  /// Publishes a text.
  template <detail::Text Text>
  auto publish(
      std::string topic, const Text& text, PublishOptions publish = {}, CallOptions options = {}
  ) const {
    return this->publish(
        std::move(topic), std::string(std::string_view(text)), std::move(publish), std::move(options)
    );
  }

  /// Many messages at once; the answer names those that failed, so that the result is no answer to
  /// an `if`: all was published when `has_value()` and the list is empty. `options.raw` and `ttl`
  /// hold for all.
  auto publish_bulk(
      std::string topic,
      std::vector<BulkEntry> entries,
      PublishOptions publish = {},
      CallOptions options = {}
  ) const -> typename Mode::template Return<std::vector<FailedEntry>> {
    for (const auto& entry : entries) {
      if (entry.problem) return Mode::run(ready(Result<std::vector<FailedEntry>>(*entry.problem)));
    }
    BulkPublishRequest request{
        name_, std::move(topic), std::move(entries), std::move(publish.metadata)
    };
    if (auto bad = detail::add_publish_options(request.metadata, publish))
      return Mode::run(ready(Result<std::vector<FailedEntry>>(std::move(*bad))));
    return Mode::run(api_->publish_bulk(std::move(request), std::move(options)));
  }

  /// Gives the messages of a topic to `handler`, one after the other, and tells the sidecar what
  /// became of each; no port is opened. The handler is one of Service::topic: it takes a value of any
  /// type with a Codec, the TopicEvent, or both, and gives a Verdict, nothing for `success`, a Result
  /// (an error means `retry`), or a Task of these. A message that does not decode is dropped, which
  /// takes it to the dead letter topic where there is one.
  ///
  /// Ends with success when `options.stop` asks for it, after the message under way has been answered,
  /// and with an error when the stream breaks: `unavailable` when the sidecar goes away. What the
  /// handler throws comes out here; its message is delivered again. Threads: on the blocking face a
  /// plain handler runs on the calling thread and may block; on the other one where the task goes on.
  template <class F>
  auto subscribe(
      std::string topic, F handler, SubscribeOptions subscribe = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<void> {
    auto stop = std::exchange(options.stop, {});
    auto made = detail::make_handler<detail::TopicKind>(std::move(handler));
    return Mode::run(detail::receive(
        open(std::move(topic), std::move(subscribe), std::move(options)),
        std::move(made),
        std::move(stop)
    ));
  }
  /// The same for a handler that does not say the type of its value, such as a generic lambda.
  template <Encodable T, class F>
  auto subscribe(
      std::string topic, F handler, SubscribeOptions subscribe = {}, CallOptions options = {}
  ) const {
    return this->subscribe(
        std::move(topic),
        [handler = std::move(handler)](const T& value) mutable { return handler(value); },
        std::move(subscribe),
        std::move(options)
    );
  }
  /// A subscription to take messages from by hand. It begins with the first `next`, where its failures
  /// come out.
  BasicSubscription<Mode> stream(
      std::string topic, SubscribeOptions subscribe = {}, CallOptions options = {}
  ) const {
    return BasicSubscription<Mode>(
        open(std::move(topic), std::move(subscribe), std::move(options))
    );
  }

 private:
  std::unique_ptr<TopicStream> open(
      std::string topic, SubscribeOptions subscribe, CallOptions options
  ) const {
    return streams_->subscribe(
        {name_,
         std::move(topic),
         std::move(subscribe.metadata),
         std::move(subscribe.dead_letter_topic)},
        std::move(options)
    );
  }

  std::shared_ptr<PublishApi> api_;
  std::shared_ptr<SubscribeApi> streams_;
  std::string name_;
};

using PubSub = BasicPubSub<Async>;

}  // namespace mecha
