// Publishing: one message or many to a topic of a named broker.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mecha/codec.h"
#include "mecha/mode.h"

namespace mecha {

struct PublishRequest {
  std::string pubsub;
  std::string topic;
  std::string data;
  std::string content_type = {};
  Metadata metadata = {};
};

/// One message of many, as bytes. Made by `bulk_entry`.
struct BulkEntry {
  std::string id;  ///< Unique in its batch; names the message in the answer.
  std::string data;
  std::string content_type;
  Metadata metadata;
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

struct BulkPublishRequest {
  std::string pubsub;
  std::string topic;
  std::vector<BulkEntry> entries;
  Metadata metadata = {};
};

/// A message of a batch that the broker did not take.
struct FailedEntry {
  std::string id;
  std::string error;
};

/// What one publication may name besides topic and value.
struct PublishOptions {
  std::string content_type = {
  };  ///< Empty: that of the codec. `application/cloudevents+json`: data is an envelope already.
  std::optional<std::chrono::milliseconds> ttl =
      std::nullopt;  ///< Sent as `ttlInSeconds`, rounded up; `invalid_argument` unless positive.
  bool raw = false;  ///< Sent as `rawPayload`: no CloudEvents envelope.
  Metadata metadata = {};
};

/// See StateApi for what overrides are held to.
class PublishApi {
 public:
  virtual ~PublishApi() = default;
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
}

/// A broker by name. A cheap value; any thread. A message counts as published when the call
/// succeeds, not before.
template <class Mode>
class BasicPubSub {
 public:
  BasicPubSub(std::shared_ptr<PublishApi> api, std::string name)
      : api_(std::move(api)), name_(std::move(name)) {}

  const std::string& name() const noexcept { return name_; }

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
  auto publish(
      std::string topic, const char* text, PublishOptions publish = {}, CallOptions options = {}
  ) const {
    return this->publish(
        std::move(topic), std::string(text), std::move(publish), std::move(options)
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

 private:
  std::shared_ptr<PublishApi> api_;
  std::string name_;
};

using PubSub = BasicPubSub<Async>;

}  // namespace mecha
