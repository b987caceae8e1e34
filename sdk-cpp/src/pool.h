// Threads that come as they are needed, up to a number, and run what is posted.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>

#include "mecha/context.h"
#include "mecha/task.h"

namespace mecha::wire {

/// Threads: any. Lifetime: what was posted runs even when the pool has gone meanwhile; its threads
/// end when there is nothing left to do.
class Pool final : public Executor {
 public:
  explicit Pool(std::size_t threads_most);
  ~Pool() override { close(); }

  void post(void (*work)(void*) noexcept, void* data) noexcept override;

  /// Lets the threads end when they have nothing to do. What is posted later still runs.
  void close() noexcept;
  /// Waits until they have; false when some still run.
  bool wait_until(std::chrono::steady_clock::time_point limit) noexcept;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

/// Asks to stop, on an executor: what is called then is code of the user, which may take its time.
inline void ask_to_stop(Executor& executor, const std::stop_source& whom) {
  executor.post(
      [](void* data) noexcept {
        const std::unique_ptr<std::stop_source> held(static_cast<std::stop_source*>(data));
        held->request_stop();
      },
      new std::stop_source(whom)
  );
}

/// Goes on on an executor: `co_await move_to(executor);` in a coroutine.
struct MoveTo {
  Executor* executor;
  bool await_ready() const noexcept { return false; }
  MECHA_NOINLINE void await_suspend(std::coroutine_handle<> here) const noexcept {
    executor->post(
        [](void* data) noexcept { std::coroutine_handle<>::from_address(data).resume(); },
        here.address()
    );
  }
  void await_resume() const noexcept {}
};
inline MoveTo move_to(Executor& executor) noexcept { return {&executor}; }

}  // namespace mecha::wire
