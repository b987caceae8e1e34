#include "components/kafka/progress.hpp"

#include <algorithm>
#include <utility>

namespace mecha::kafka {

Progress::Item* Progress::find(std::int64_t offset) {
  const auto item = std::ranges::lower_bound(items_, offset, {}, &Item::offset);
  return item == items_.end() || item->offset != offset ? nullptr : &*item;
}

bool Progress::begin(std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  items_.push_back({offset});
  // Records that wait behind an unfinished one count as well: they are repeated if it never ends.
  ++running_;
  if (paused_ || items_.size() < high_) return false;
  return paused_ = true;
}

Progress::Step Progress::finish(std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  Step step;
  Item* item = find(offset);
  if (item == nullptr || item->state != State::running) return step;
  item->state = State::done;
  if (--running_ == 0) idle_.notify_all();
  while (!items_.empty() && items_.front().state == State::done) {
    step.store = items_.front().offset + 1;
    items_.pop_front();
  }
  if (paused_ && !draining_ && items_.size() <= high_ / 2) {
    paused_ = false;
    step.resume = true;
  }
  return step;
}

void Progress::abandon(std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  Item* item = find(offset);
  if (item == nullptr || item->state != State::running) return;
  item->state = State::abandoned;
  if (--running_ == 0) idle_.notify_all();
}

bool Progress::drain() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(draining_, true);
}

bool Progress::draining() const {
  const std::lock_guard lock(mutex_);
  return draining_;
}

bool Progress::wait_idle(std::chrono::steady_clock::time_point limit) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, limit, [this] { return running_ == 0; });
}

}  // namespace mecha::kafka
