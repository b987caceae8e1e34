// Contract of message brokers (contract 03, sections 1 and 3.8). A broker moves bytes: envelopes, routes, scopes and dead
// letters belong to runtime/capabilities/pubsub.
//
// Order: messages of one key (`partitionKey` of their metadata) reach the handler one after another, those of different
// keys in parallel; what a broker does with messages without a key stands in its file.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/component.hpp"

namespace mecha::pubsub {

// Names of features as the metadata API shows them.
inline constexpr std::string_view kMessageTtl = "MESSAGE_TTL";
inline constexpr std::string_view kBulkPublish = "BULK_PUBSUB";
inline constexpr std::string_view kWildcards = "SUBSCRIBE_WILDCARDS";

// Metadata that is absent and metadata that is empty differ for brokers that store it.
struct PublishRequest {
  std::string topic;
  std::string data;
  std::optional<std::string> content_type;
  std::optional<Metadata> metadata;
};

struct BulkEntry {
  std::string entry_id;
  std::string data;
  std::string content_type;
  std::optional<Metadata> metadata;
};

struct BulkPublishRequest {
  std::string topic;
  std::vector<BulkEntry> entries;
  Metadata metadata;  // of the request; entries have theirs merged already
};

struct FailedEntry {
  std::string entry_id;
  Error error;
};

struct Message {
  std::string topic;  // as the subscription wrote it
  std::string data;
  std::optional<std::string> content_type;
  std::optional<Metadata> metadata;
};

struct BulkMessage {
  std::string entry_id;
  Message message;
};

// What became of a message. `abandoned`: the work was cut short by a stop; it is neither acknowledged nor refused, and
// the broker delivers it again.
enum class Verdict : std::uint8_t { done, failed, abandoned };

// Run on the shard that subscribed, many at once. A bulk handler answers one verdict per message, in order.
using Handler = std::function<asio::awaitable<Verdict>(Message)>;
using BulkHandler = std::function<asio::awaitable<std::vector<Verdict>>(std::vector<BulkMessage>)>;

struct SubscribeRequest {
  std::string topic;
  Metadata metadata;
};

struct BulkLimits {
  int messages_max = 0;  // 0 or less: the broker's default
  std::chrono::milliseconds await_max{0};
};

// A live subscription. Belongs to the shard that subscribed; stop() comes before its end.
class Subscription {
 public:
  virtual ~Subscription() = default;
  // Fetches nothing more, lets handlers that run end within `grace` and acknowledges what they did, then cancels them.
  virtual asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) = 0;
};

// Errors: `unavailable` when trying again may help, `failed_precondition` when it will not.
class PubSub : public Component {
 public:
  // Answers when the broker has the message safely.
  virtual Async<void> publish(PublishRequest request) = 0;
  // Answers with the entries that failed. Default: single publishes, up to 100 at once, in no order.
  virtual asio::awaitable<std::vector<FailedEntry>> bulk_publish(BulkPublishRequest request);

  // The broker knows of the subscription when this returns.
  virtual Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) = 0;
  // Default: collects single messages, 100 or for 1 s from the first of a batch, with random entry ids.
  virtual Async<std::unique_ptr<Subscription>> subscribe_bulk(
      SubscribeRequest request, BulkLimits limits, BulkHandler handler
  );
  // The sidecar is about to stop, and subscriptions end after this: a broker that can is told to deliver no more. Default: nothing.
  virtual asio::awaitable<void> wind_down() { co_return; }
};

// The ordering key of a message, or nullptr.
const std::string* key_of(const std::optional<Metadata>& metadata);

}  // namespace mecha::pubsub
