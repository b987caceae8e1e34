// Metadata of a message as the text of a JSON object, for brokers whose messages are rows or fields.

#pragma once

#include <optional>
#include <string>

#include "components/pubsub/pubsub.hpp"

namespace mecha::pubsub {

std::string write_metadata(const Metadata& metadata);
// Nothing if the text is no object. Members that are no texts are passed over.
std::optional<Metadata> read_metadata(const std::string& text);

}  // namespace mecha::pubsub
