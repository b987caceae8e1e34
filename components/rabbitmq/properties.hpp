// Metadata of a publish call as properties of an AMQP message, and back (contract 03, 4.4).

#pragma once

#include "components/component.hpp"
#include "components/rabbitmq/frames.hpp"

namespace mecha::rabbitmq {

// `ttl` is the default of the component.
Properties outgoing_properties(const Metadata& metadata, std::optional<std::chrono::milliseconds> ttl);
// Names begin with `metadata.`.
Metadata incoming_metadata(const Properties& properties);

}  // namespace mecha::rabbitmq
