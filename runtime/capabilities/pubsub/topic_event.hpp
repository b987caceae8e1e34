// The message in which an event goes to a gRPC application, called back or on a stream of its own (04a: TopicEventRequest).

#pragma once

#include <string>

#include "runtime/capabilities/pubsub/sink.hpp"

namespace mecha::pubsub {

// Serialised. Fails for events whose data is not what their content type says.
Result<std::string> topic_event(const Outgoing& event);
// The number of a TopicEventResponseStatus as a verdict; what does not exist is unknown.
Answer topic_answer(std::uint64_t status);

}  // namespace mecha::pubsub
