// Progress: what of one assigned partition is under way and up to where its work is safe. Only what lies before the first
// unfinished record counts as done, so a crash repeats work and never skips it. Thread safe.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

namespace mecha::kafka {

class Progress {
 public:
  // Beyond `high` records under way the partition shall pause, and go on at half of it.
  Progress(std::string topic, std::int32_t partition, std::size_t high)
      : topic(std::move(topic)), partition(partition), high_(high) {}

  const std::string topic;
  const std::int32_t partition;

  // A record was fetched. True: pause now.
  bool begin(std::int64_t offset);

  struct Step {
    std::optional<std::int64_t> store;  // the offset from which a successor shall read
    bool resume = false;
  };
  // The work on a record is safe.
  Step finish(std::int64_t offset);
  // A record was put down without being handled: it stays before everything that follows it.
  void abandon(std::int64_t offset);

  // The partition is being given up: records whose work has not begun are abandoned. False if it was already.
  bool drain();
  bool draining() const;
  // Waits until nothing is under way any more; false after the limit.
  bool wait_idle(std::chrono::steady_clock::time_point limit);

 private:
  enum class State : std::uint8_t { running, done, abandoned };
  struct Item {
    std::int64_t offset;
    State state = State::running;
  };
  Item* find(std::int64_t offset);

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<Item> items_;  // by offset
  std::size_t running_ = 0;
  std::size_t high_;
  bool paused_ = false;
  bool draining_ = false;
};

}  // namespace mecha::kafka
