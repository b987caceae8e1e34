// How long a message lives: what its publisher says, and what its event says of it.
#pragma once

#include <optional>

#include "testing/hub.h"

namespace mecha::testing::detail {

/// `ttl` or `ttlInSeconds`, in any case: whole seconds, or a duration like `1m30s`. What is neither
/// says nothing; what is over already is zero.
std::optional<std::chrono::nanoseconds> lifetime_of(const Metadata& metadata);
/// "2026-01-01T00:00:00Z".
std::string time_text(Time time);
/// What the extension `expiration` of an event says; the end of time without a readable one.
Time expires_at(const TopicEvent& event);

}  // namespace mecha::testing::detail
