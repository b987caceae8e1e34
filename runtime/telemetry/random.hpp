// Fast random numbers for ids, sampling and jitter; not for secrets. A generator per thread, seeded
// by the system.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace mecha::trace {

std::uint64_t random_u64();
double random_unit();  // in [0, 1)

template <std::size_t N>
std::array<std::uint8_t, N> random_id() {
  static_assert(N % 8 == 0);
  std::array<std::uint8_t, N> id{};
  do {
    for (std::size_t i = 0; i < N; i += 8) {
      const std::uint64_t word = random_u64();
      for (std::size_t k = 0; k < 8; ++k) id[i + k] = static_cast<std::uint8_t>(word >> (8 * k));
    }
  } while (id == std::array<std::uint8_t, N>{});
  return id;
}

}  // namespace mecha::trace
