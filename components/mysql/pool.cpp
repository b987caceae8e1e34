#include "components/mysql/pool.hpp"

#include <utility>

namespace mecha::mysql {
namespace {

using namespace std::chrono_literals;

constexpr auto kTrust = 1s;  // a connection that idled longer is asked whether it lives

}  // namespace

bool Pool::is_stale(const Slot& slot) const {
  const auto now = Clock::now();
  if (options_.idle_max > 0ms && now - slot.used > options_.idle_max) return true;
  return options_.lifetime_max > 0ms && now - slot.opened > options_.lifetime_max;
}

void Pool::close(Slot& slot) {
  slot.connection.reset();
  if (std::exchange(slot.counted, false)) --idle_;
}

Result<Connection*> Pool::open(Slot& slot) {
  if (std::exchange(slot.counted, false)) --idle_;
  if (slot.connection != nullptr) {
    const bool asks = Clock::now() - slot.used > kTrust;
    if (is_stale(slot) || (asks && !slot.connection->alive())) slot.connection.reset();
  }
  if (slot.connection == nullptr) {
    MECHA_TRY(slot.connection, Connection::open(options_));
    slot.opened = Clock::now();
  }
  return slot.connection.get();
}

void Pool::keep(Slot& slot) {
  slot.used = Clock::now();
  slot.counted = true;
  if (++idle_ > options_.idle_count_max || slot.connection->lost()) close(slot);
}

void Pool::close_idle(bool all) {
  bridges_.post_each([this, all](std::size_t number) {
    auto& slot = slots_[number];
    if (slot.connection != nullptr && (all || is_stale(slot))) close(slot);
  });
}

}  // namespace mecha::mysql
