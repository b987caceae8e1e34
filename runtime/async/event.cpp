#include "runtime/async/event.hpp"

#include <algorithm>

namespace mecha {

asio::awaitable<bool> Semaphore::acquire() {
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  auto waiter = std::make_shared<Waiter>(executor_);
  waiter->timer.expires_at(asio::steady_timer::time_point::max());
  waiters_.push_back(waiter);
  co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (waiter->granted) co_return true;
  std::erase(waiters_, waiter);
  co_return false;
}

void Semaphore::release() {
  if (waiters_.empty()) {
    ++free_;
    return;
  }
  const auto waiter = waiters_.front();
  waiters_.pop_front();
  waiter->granted = true;
  waiter->timer.cancel();
}

}  // namespace mecha
