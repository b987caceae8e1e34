// What a cluster of Redis servers needs to know of commands and replies: the slot of a key, the key of a command, the
// meaning of an error that sends the caller elsewhere. Values only.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "components/redis/reply.hpp"
#include "components/redis/settings.hpp"

namespace mecha::redis {

using Slot = std::uint16_t;
constexpr Slot kSlots = 16384;

// CRC16 of the key, or of what stands between its first { and the next }, if anything does.
Slot slot_of(std::string_view key);

// The slot of the first key; empty for commands without a key (PING, INFO, SCRIPT, SCAN, CLIENT, FT.SEARCH).
std::optional<Slot> slot_of(const Command& command);

// "MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381": the server did nothing, another one has the slot for good, or
// for the time of one command. The host is empty when it is that of the server that says so.
struct Redirect {
  bool ask = false;
  Slot slot = 0;
  Address to;
};
std::optional<Redirect> read_redirect(std::string_view error);

// The server did nothing and says that it cannot now: the same may succeed later, there or elsewhere.
bool is_refusal(std::string_view error);

}  // namespace mecha::redis
