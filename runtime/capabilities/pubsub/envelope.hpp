// Envelope: the CloudEvent that is made of what an application publishes (contract 03, sections 1.2 to 1.4). Pure.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "components/component.hpp"
#include "runtime/base/result.hpp"

namespace mecha::pubsub {

struct EnvelopeInput {
  std::string_view app_id, pubsub, topic;
  std::string_view content_type;  // as the caller wrote it; may be empty
  std::string_view data;
  const Metadata& metadata;       // of the request: overrides and time to live
  std::string_view traceparent, tracestate;
  bool ttl_native = false;        // the broker expires messages itself
  bool always_wrap = false;       // a CloudEvent of the caller is data like any other
  std::chrono::system_clock::time_point now;
};

// The JSON text that goes to the broker. Fails only for a caller's CloudEvent that is no JSON object; the message is the
// cause alone.
Result<std::string> make_envelope(const EnvelopeInput& input);

// `ttl`, else `ttlInSeconds`, any case; empty if absent or unusable.
std::optional<std::chrono::nanoseconds> time_to_live(const Metadata& metadata);
// Value by name without case, an exact match first; nullptr if absent.
const std::string* find_nocase(const Metadata& metadata, std::string_view name);
// `rawPayload`, exact case; fails with the contract's words for what is no boolean.
Result<bool> raw_payload(const Metadata& metadata);
// Whether the bytes read as a CloudEvent in the protobuf format.
bool is_cloud_event_protobuf(std::string_view bytes);

}  // namespace mecha::pubsub
