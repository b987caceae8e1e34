// Metadata of a publish call as properties of an AMQP message, and back (contract 03, 4.4).

#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "components/component.hpp"
#include "components/rabbitmq/frames.hpp"

namespace mecha::rabbitmq {

// A time to live as requests and components state it: a duration, where a negative one is 0, or whole seconds above zero.
// Empty is absent; 0 is the duration: a message that nobody takes at once is gone.
Result<std::optional<std::chrono::milliseconds>> read_ttl(std::string_view text);

// `ttl` is the default of the component.
Properties outgoing_properties(const Metadata& metadata, std::optional<std::chrono::milliseconds> ttl);
// Fails for a time to live or a priority that is none, which publishing to a topic takes for absent.
Result<void> check_metadata(const Metadata& metadata);
// Names begin with `metadata.`.
Metadata incoming_metadata(const Properties& properties);

}  // namespace mecha::rabbitmq
