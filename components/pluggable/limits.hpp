// What one component in a process of its own may take of us: metadata items of its manifest that the runtime reads and does
// not pass on.

#pragma once

#include <chrono>
#include <cstdint>
#include <tuple>

#include "runtime/resources/fields.hpp"

namespace mecha::pluggable {

struct Limits {
  std::chrono::milliseconds call{60000};
  std::int64_t message_bytes_max = 64 << 20;
  int in_flight_max = 1000;

  static constexpr auto fields() {
    using L = Limits;
    return std::tuple{
        field("mechaCallTimeout", &L::call, "Limit on one call; the program is told.").between(std::chrono::milliseconds(1), std::chrono::hours(1)),
        field("mechaMessageBytesMax", &L::message_bytes_max, "Most bytes of one message that is received.").between(1024, 1 << 30),
        field("mechaMessagesInFlight", &L::in_flight_max, "Most messages of one subscription or input binding that are handled at once.").between(1, 100000),
    };
  }
};

}  // namespace mecha::pluggable
