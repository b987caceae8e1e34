// Time as an interface, so that no test sleeps. Real time is `Clock::real()`.

#pragma once

#include <chrono>
#include <cstdint>

namespace mecha {

class Clock {
 public:
  using Wall = std::chrono::system_clock::time_point;
  using Mono = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;
  virtual Wall wall() const { return std::chrono::system_clock::now(); }
  virtual Mono now() const { return std::chrono::steady_clock::now(); }

  static const Clock& real() {
    static const Clock clock;
    return clock;
  }
};

// Milliseconds since 1970.
inline std::int64_t unix_ms(Clock::Wall at = Clock::real().wall()) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

}  // namespace mecha
