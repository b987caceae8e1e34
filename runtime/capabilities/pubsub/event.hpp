// Event: a broker message as the application shall see it (contract 03, 3.1 and 3.2). Pure.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "components/pubsub/pubsub.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

namespace mecha::pubsub {

struct Event {
  json::Value envelope;             // an object, or null for the payload `null`; what rules and gRPC applications see
  std::optional<std::string> body;  // of the synthetic envelope; otherwise HTTP applications get the message's bytes
};

// `topic`: as the application knows it. Fails for payloads that are no event.
Result<Event> read_event(const Message& message, bool raw, std::string_view topic, std::string_view pubsub);

// `expiration` lies in the past; one that cannot be read does not.
bool has_expired(const json::Value& envelope, std::chrono::system_clock::time_point now);

// The trace context that the event speaks of: `traceparent`, else `traceid`; empty if it has neither.
std::optional<std::string_view> trace_attribute(const json::Value& envelope);

}  // namespace mecha::pubsub
