// Waiting for a signal of the process, or for somebody who says that it is enough.
#pragma once

#include "mecha/result.h"

namespace mecha::wire {

/// A pipe that wakes who waits on it. `signal` may be called from a signal handler, and more than
/// once.
class Wake {
 public:
  Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  ~Wake();
  void signal() const noexcept;
  void wait() const noexcept;
  int writing_end() const noexcept { return ends_[1]; }

 private:
  int ends_[2] = {-1, -1};
};

/// Blocks until SIGINT or SIGTERM comes or `wake` is signalled; before and after, both signals do
/// what they did. Fails with `failed_precondition` when another thread waits so.
Result<void> wait_for_signal(const Wake& wake);

}  // namespace mecha::wire
