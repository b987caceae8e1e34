#include "runtime/telemetry/random.hpp"

#include <bit>
#include <chrono>

#include <sys/random.h>

namespace mecha::trace {

namespace {

// xoshiro256++ of Blackman and Vigna.
struct Generator {
  std::array<std::uint64_t, 4> state{};

  Generator() {
    if (::getrandom(state.data(), sizeof state, 0) != static_cast<ssize_t>(sizeof state)) {
      state[0] =
          static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
      state[1] = reinterpret_cast<std::uintptr_t>(this);
    }
    state[3] |= 1;  // all zero is the one state that it cannot leave
  }

  std::uint64_t next() {
    auto& s = state;
    const std::uint64_t result = std::rotl(s[0] + s[3], 23) + s[0];
    const std::uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = std::rotl(s[3], 45);
    return result;
  }
};

}  // namespace

std::uint64_t random_u64() {
  thread_local Generator generator;
  return generator.next();
}

double random_unit() { return static_cast<double>(random_u64() >> 11) * 0x1.0p-53; }

}  // namespace mecha::trace
