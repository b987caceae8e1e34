#include "runtime/async/bridge.hpp"

#include <pthread.h>

namespace mecha {

Bridge::Bridge(std::string name, std::size_t queue_max) : queue_max_(queue_max) {
  thread_ = std::thread([this] { loop(); });
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

Bridge::~Bridge() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Bridge::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= queue_max_) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

Async<void> run_aside(std::string name, std::function<void()> job) {
  Bridge aside(std::move(name));
  co_return co_await aside.call<void>([job = std::move(job)]() -> Result<void> {
    job();
    return {};
  });
}

void Bridge::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace mecha
