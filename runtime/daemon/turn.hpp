// Turn: one slot of a Semaphore for the length of a scope.

#pragma once

#include <utility>

#include "runtime/async/event.hpp"

namespace mecha {

class Turn {
 public:
  Turn() = default;
  explicit Turn(Semaphore& semaphore) : semaphore_(&semaphore) {}
  Turn(Turn&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (semaphore_ != nullptr) semaphore_->release();
  }
  // False: the wait was cancelled.
  explicit operator bool() const { return semaphore_ != nullptr; }

 private:
  Semaphore* semaphore_ = nullptr;
};

inline asio::awaitable<Turn> take_turn(Semaphore& semaphore) {
  const bool taken = co_await semaphore.acquire();
  co_return taken ? Turn(semaphore) : Turn();
}

}  // namespace mecha
