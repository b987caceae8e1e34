// Threads that come as they are needed. They are detached: a handler that hangs must not hold up
// who waits for the others.

#include "src/pool.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

namespace mecha::wire {

struct Pool::Shared {
  struct Work {
    void (*function)(void*) noexcept;
    void* data;
  };

  explicit Shared(std::size_t threads_most) : most(threads_most) {}

  const std::size_t most;
  std::mutex mutex;
  std::condition_variable changed, ended;
  std::deque<Work> queue;
  std::size_t threads = 0, idle = 0;
  bool closing = false;

  // One thread: works until it is closed and nothing is left.
  static void run(const std::shared_ptr<Shared>& self) noexcept {
    pthread_setname_np(pthread_self(), "mecha-service");  // not that of who made it
    std::unique_lock lock(self->mutex);
    for (;;) {
      ++self->idle;
      self->changed.wait(lock, [&] { return self->closing || !self->queue.empty(); });
      --self->idle;
      if (self->queue.empty()) break;
      const Work work = self->queue.front();
      self->queue.pop_front();
      lock.unlock();
      work.function(work.data);
      lock.lock();
    }
    if (--self->threads == 0) self->ended.notify_all();
  }
};

Pool::Pool(std::size_t threads_most)
    : shared_(std::make_shared<Shared>(threads_most == 0 ? 1 : threads_most)) {}

void Pool::post(void (*work)(void*) noexcept, void* data) noexcept {
  const auto shared = shared_;  // the work may end who owns this pool
  const std::lock_guard lock(shared->mutex);
  shared->queue.push_back({work, data});
  if (shared->queue.size() <= shared->idle) return shared->changed.notify_one();
  if (shared->threads == shared->most) return;
  try {
    std::thread([shared] { Shared::run(shared); }).detach();
    ++shared->threads;
  } catch (const std::system_error&) {
    // No thread to be had: one that runs takes it. Without any, nothing can be done here.
    if (shared->threads == 0) std::terminate();
  }
}

void Pool::close() noexcept {
  const std::lock_guard lock(shared_->mutex);
  shared_->closing = true;
  shared_->changed.notify_all();
}

bool Pool::wait_until(std::chrono::steady_clock::time_point limit) noexcept {
  std::unique_lock lock(shared_->mutex);
  return shared_->ended.wait_until(lock, limit, [&] { return shared_->threads == 0; });
}

}  // namespace mecha::wire
