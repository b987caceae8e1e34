// Who may use which topic, and what a topic is called on the broker (contract 03, 1.7 and 1.8).

#pragma once

#include <string>
#include <string_view>

#include "runtime/app/application.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha::pubsub {

enum class Direction : std::uint8_t { publish, subscribe };

bool topic_allowed(const ComponentSpec& spec, std::string_view app_id, std::string_view topic, Direction direction);

// With the prefix of a component whose metadata speaks of {namespace}.
std::string broker_topic(const ComponentSpec& spec, const ApplicationInfo& info, std::string_view topic);
// As the application knows the topic of a message.
std::string own_topic(const ComponentSpec& spec, const ApplicationInfo& info, std::string topic);

}  // namespace mecha::pubsub
