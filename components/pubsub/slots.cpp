#include "components/pubsub/slots.hpp"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>

namespace mecha::pubsub {

asio::awaitable<Slots::Held> Slots::acquire() {
  std::shared_ptr<Waiter> waiter;
  {
    const std::lock_guard lock(mutex_);
    if (free_ > 0) {
      --free_;
      co_return Held(this);
    }
  }
  waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
  {
    const std::lock_guard lock(mutex_);
    if (free_ > 0) {  // one came free meanwhile
      --free_;
      co_return Held(this);
    }
    waiters_.push_back(waiter);
  }
  co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return settle(waiter) ? Held(this) : Held();
}

// After the wait: granted, or taken out of the queue.
bool Slots::settle(const std::shared_ptr<Waiter>& waiter) {
  const std::lock_guard lock(mutex_);
  if (!waiter->granted) std::erase(waiters_, waiter);
  return waiter->granted;
}

void Slots::release() {
  std::shared_ptr<Waiter> next;
  {
    const std::lock_guard lock(mutex_);
    if (waiters_.empty()) {
      ++free_;
      return;
    }
    next = std::move(waiters_.front());
    waiters_.pop_front();
    next->granted = true;
  }
  asio::post(next->executor, [next] { next->timer.cancel(); });
}

}  // namespace mecha::pubsub
