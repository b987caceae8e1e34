#include "runtime/async/lanes.hpp"

#include <exception>
#include <utility>

namespace mecha {

Lanes::Lanes(Executor executor, std::size_t parallel_max)
    : executor_(executor), gate_(executor), changed_(executor), parallel_max_(parallel_max) {}

bool Lanes::push(const std::string* key, Work work) {
  if (closed_) return false;
  ++pending_;
  if (key == nullptr) {
    auto lane = std::make_shared<Lane>();
    lane->waiting.push_back(std::move(work));
    ready_.push_back(std::move(lane));
  } else {
    auto& lane = lanes_[*key];
    const bool fresh = lane == nullptr;
    if (fresh) {
      lane = std::make_shared<Lane>();
      lane->key = *key;
      lane->keyed = true;
    }
    lane->waiting.push_back(std::move(work));
    if (fresh) ready_.push_back(lane);  // a lane that is known runs or is ready already
  }
  start_ready();
  return true;
}

void Lanes::start_ready() {
  while (running_ < parallel_max_ && !ready_.empty()) {
    auto lane = std::move(ready_.front());
    ready_.pop_front();
    ++running_;
    if (!spawn(gate_, executor_, run(lane))) {
      --running_;
      return;
    }
  }
}

// One piece of work per turn: a busy key goes to the back of the queue and cannot starve the others.
asio::awaitable<void> Lanes::run(std::shared_ptr<Lane> lane) {
  struct Turn {  // also when the work is cancelled or throws
    Lanes& lanes;
    const std::shared_ptr<Lane>& lane;
    ~Turn() { lanes.finished(lane); }
  } turn{*this, lane};
  const Work work = std::move(lane->waiting.front());
  lane->waiting.pop_front();
  co_await work();
}

void Lanes::finished(const std::shared_ptr<Lane>& lane) {
  --running_;
  --pending_;
  if (!lane->waiting.empty()) {
    ready_.push_back(lane);
  } else if (lane->keyed) {
    lanes_.erase(lane->key);
  }
  start_ready();
  changed_.pulse();
}

asio::awaitable<void> Lanes::below(std::size_t limit) {
  while (pending_ >= limit && !closed_) co_await changed_.wait();
}

void Lanes::drop_waiting() {
  for (const auto& lane : ready_) {
    if (lane->keyed) lanes_.erase(lane->key);
    pending_ -= lane->waiting.size();
  }
  ready_.clear();
  for (auto& [key, lane] : lanes_) {
    pending_ -= lane->waiting.size();
    lane->waiting.clear();
  }
  changed_.pulse();
}

asio::awaitable<void> Lanes::finish() {
  std::exception_ptr stopped;
  try {
    co_await below(1);
  } catch (...) {
    stopped = std::current_exception();
  }
  if (stopped) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await close(std::chrono::seconds(0));
  if (stopped) std::rethrow_exception(stopped);
}

asio::awaitable<void> Lanes::close(std::chrono::steady_clock::duration grace) {
  closed_ = true;
  changed_.pulse();
  asio::steady_timer end(executor_, grace);
  const auto deadline = std::chrono::steady_clock::now() + grace;
  while (pending_ > 0 && std::chrono::steady_clock::now() < deadline) {
    end.expires_after(std::chrono::milliseconds(5));
    auto [error] = co_await end.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) break;
  }
  drop_waiting();
  co_await gate_.close(std::chrono::seconds(0));
}

}  // namespace mecha
