// A subscription over the client's own connection: messages come in on a stream, no port is opened.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "mecha/task.h"

namespace mecha {

/// What becomes of a message: done, to be delivered again, or given up (to the dead letter topic,
/// where there is one).
enum class Verdict : int { success = 0, retry = 1, drop = 2 };

/// One message as bytes, with the fields of its CloudEvents envelope.
struct TopicEvent {
  std::string id;  ///< Of the message, given by its publisher.
  std::string source;  ///< Who published it.
  std::string type;  ///< What kind of event it is.
  std::string spec_version;  ///< Of CloudEvents.
  std::string content_type;  ///< Of `data`.
  std::string data;  ///< The payload.
  std::string topic;  ///< Where it was published.
  std::string pubsub;  ///< The name of the component.
  std::string path;        ///< Of the rule that matched; empty on a stream.
  std::string extensions;  ///< Further fields of the envelope, as a JSON object.
  Metadata metadata;       ///< Of the message at the broker, where the sidecar passes it on; empty
                           ///< on a stream.
};

/// What is subscribed to, as a stream.
struct SubscribeRequest {
  std::string pubsub;  ///< The name of the component.
  std::string topic;  ///< As publishers name it.
  Metadata metadata = {};  ///< Settings of the subscription.
  std::optional<std::string> dead_letter_topic = std::nullopt;  ///< Where messages go that are dropped.
};

/// An open subscription. It begins with the first `next`. One `next` and one `answer` may wait at a
/// time; the two may be called from different threads. Destroying it cancels, but not while one of them
/// waits; messages without an answer are delivered again. It may outlive the client.
class TopicStream {
 public:
  virtual ~TopicStream() = default;
  /// The next message; empty when the sidecar ended the stream in order. An error ends the stream
  /// for good.
  virtual Task<Result<std::optional<TopicEvent>>> next() = 0;
  /// Says what became of a message. Answers may come in any order.
  virtual Task<Result<void>> answer(std::string id, Verdict verdict) = 0;
  /// Ends the stream: what waits and what comes later fails with `cancelled`. Any thread.
  virtual void cancel() noexcept = 0;
};

/// See StateApi for what overrides are held to.
class SubscribeApi {
 public:
  virtual ~SubscribeApi() = default;
  /// Never null. `options.timeout` limits the wait for the sidecar's consent, which `next` waits
  /// for; not the stream.
  virtual std::unique_ptr<TopicStream> subscribe(SubscribeRequest request, CallOptions options);
};

}  // namespace mecha
