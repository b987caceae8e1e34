// Turns: so many at a time, so many that wait for theirs, and no more.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "mecha/service.h"
#include "mecha/task.h"

namespace mecha::wire {

class Limiter;

/// One of the places of a limiter, given back when it goes.
class Turn {
 public:
  Turn() = default;
  explicit Turn(std::shared_ptr<Limiter> of) noexcept : of_(std::move(of)) {}
  Turn(Turn&& other) noexcept = default;
  Turn& operator=(Turn&& other) noexcept {
    if (this != &other) {
      give_back();
      of_ = std::move(other.of_);
    }
    return *this;
  }
  ~Turn() { give_back(); }

 private:
  void give_back() noexcept;
  std::shared_ptr<Limiter> of_;
};

/// Threads: any. Who waits goes on on the executor of its task. First come, first served.
class Limiter : public std::enable_shared_from_this<Limiter> {
 public:
  explicit Limiter(Limit limit) : limit_(limit) {}

  /// A turn. Fails with `resource_exhausted` when too many wait, unless `patient`; with `cancelled`
  /// when the task is asked to stop meanwhile; with `unavailable` once this is closed.
  Task<Result<Turn>> enter(bool patient = false);

  /// Whoever waits, and whoever comes, is refused.
  void close() noexcept;

 private:
  friend class Turn;
  class Entering;

  bool settles(Entering* entering);
  bool begin(Entering* entering);
  bool settles_now(Entering* entering);
  bool forget(Entering* entering) noexcept;
  void leave() noexcept;

  const Limit limit_;
  std::mutex mutex_;
  std::list<Entering*> waiting_;
  std::size_t running_ = 0;
  bool closed_ = false;
};

}  // namespace mecha::wire
