// Publisher: what applications publish, singly or in bulk (contract 03, section 1). Both API faces call it; brokers are known
// by their contract only. Holds no state: any shard, any number of calls at once.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::pubsub {

struct PublishEvent {
  std::string pubsub, topic, data, content_type;
  Metadata metadata;
  bool metadata_given = true;  // false: the caller sent none, and the broker is given none
};

struct BulkPublishEvents {
  std::string pubsub, topic;
  std::vector<BulkEntry> entries;  // metadata as the caller wrote it, not merged
  Metadata metadata;
  std::string span_name;           // of the span of each entry: the request's path
};

// `error` is what a face without room for the list answers; empty lists and no error are success.
struct BulkOutcome {
  std::vector<FailedEntry> failed;
  std::optional<Error> error;
};

class Publisher {
 public:
  // Names only: empty or unknown component, empty topic, in this order. `metadata` is shown in the details.
  Result<void> check(
      RequestScope& scope, const std::string& pubsub, const std::string& topic, const Metadata& metadata
  ) const;
  // `rawPayload` of the request; bulk faces ask before they read the entries.
  Result<bool> check_raw(const std::string& pubsub, const Metadata& metadata) const;
  // check(), then rawPayload, envelope, scopes, broker. Errors: api/errors/pubsub.hpp.
  Async<void> publish(RequestScope& scope, PublishEvent event) const;
  // Fails for requests that are wrong as a whole; failures of entries are in the outcome.
  Async<BulkOutcome> bulk_publish(RequestScope& scope, BulkPublishEvents events) const;

  // Bytes as they are, without envelope, for dead letters: scopes, prefix, policy and metrics apply.
  Async<void> forward(RequestScope& scope, std::string pubsub, PublishRequest request) const;
  asio::awaitable<BulkOutcome> forward_bulk(RequestScope& scope, std::string pubsub, BulkPublishRequest request) const;

  // The same for the outbox: a failure of the broker keeps the broker's words.
  Async<void> hand_over(RequestScope& scope, std::string pubsub, PublishRequest request) const;

 private:
  Async<void> send(RequestScope& scope, std::string pubsub, PublishRequest request) const;
};

}  // namespace mecha::pubsub
