// What happened within the last interval, counted in slots of time.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mecha::middleware {

class Window {
 public:
  // `slot_ms` divides `interval_ms`.
  Window(std::int64_t interval_ms, std::int64_t slot_ms)
      : interval_(interval_ms), slot_size_(slot_ms), slots_(static_cast<std::size_t>(interval_ms / slot_ms)) {}

  double count(std::int64_t now_ms) const {
    double all = 0;
    for (const auto& slot : slots_) {
      if (slot.begun >= 0 && slot.begun > now_ms - now_ms % slot_size_ - interval_) all += slot.amount;
    }
    return all;
  }
  void add(std::int64_t now_ms, double amount = 1) {
    const auto begun = now_ms - now_ms % slot_size_;
    auto& slot = slots_[static_cast<std::size_t>(now_ms / slot_size_) % slots_.size()];
    if (slot.begun != begun) slot = {.begun = begun};
    slot.amount += amount;
  }
  void clear() { std::ranges::fill(slots_, Slot{}); }

 private:
  struct Slot {
    std::int64_t begun = -1;
    double amount = 0;
  };
  std::int64_t interval_, slot_size_;
  std::vector<Slot> slots_;
};

}  // namespace mecha::middleware
