// Turns: so many at a time, so many that wait for theirs, and no more.

#include "src/limiter.h"

#include <algorithm>
#include <stop_token>

namespace mecha::wire {

// The wait of one. `mutex_` of the limiter guards what happens to it, until it is told.
class Limiter::Entering final : public detail::Work<Result<Turn>> {
 public:
  Entering(std::shared_ptr<Limiter> limiter, bool is_patient)
      : patient(is_patient), limiter_(std::move(limiter)) {}

  const bool patient;
  bool gave_up = false;

  std::coroutine_handle<> start() noexcept override {
    gave_up = context != nullptr && context->stop.stop_requested();
    return limiter_->settles(this) ? waiter.next() : later();
  }
  void drop() noexcept override {
    limiter_->forget(this);
    delete this;
  }
  void finish() noexcept { tell(); }

 private:
  void go() noexcept override {
    // Before it can be told, for then it may be gone.
    if (context != nullptr && context->stop.stop_possible())
      stop_.emplace(context->stop, GiveUp{this});
    if (const auto limiter = limiter_; !limiter->begin(this)) waiter.next().resume();
  }

  struct GiveUp {
    Entering* self;
    void operator()() const noexcept {
      if (!self->limiter_->forget(self)) return;
      self->put(fail(Code::cancelled, "the caller asked to stop"));
      self->tell();
    }
  };

  std::shared_ptr<Limiter> limiter_;
  std::optional<std::stop_callback<GiveUp>> stop_;
};

Task<Result<Turn>> Limiter::enter(bool patient) {
  return detail::TaskAccess::make(new Entering(shared_from_this(), patient));
}

bool Limiter::settles(Entering* entering) {
  const std::lock_guard lock(mutex_);
  return settles_now(entering);
}

// True when it will be told later.
bool Limiter::begin(Entering* entering) {
  const std::lock_guard lock(mutex_);
  if (settles_now(entering)) return false;
  waiting_.push_back(entering);
  return true;
}

// True when there is nothing to wait for. Under the lock.
bool Limiter::settles_now(Entering* entering) {
  if (closed_) {
    entering->put(fail(Code::unavailable, "the application is stopping"));
  } else if (entering->gave_up) {
    entering->put(fail(Code::cancelled, "the caller asked to stop"));
  } else if (limit_.running == 0 || running_ < limit_.running) {
    ++running_;
    entering->put(Turn(shared_from_this()));
  } else if (!entering->patient && waiting_.size() >= limit_.waiting) {
    entering->put(
        fail(Code::resource_exhausted, "the application is busy and too many requests wait")
    );
  } else {
    return false;
  }
  return true;
}

// True when it waited.
bool Limiter::forget(Entering* entering) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = std::find(waiting_.begin(), waiting_.end(), entering);
  entering->gave_up = true;
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  return true;
}

void Limiter::leave() noexcept {
  Entering* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --running_;
      return;
    }
    next = waiting_.front();
    waiting_.pop_front();
    next->put(Turn(shared_from_this()));
  }
  next->finish();
}

void Limiter::close() noexcept {
  std::list<Entering*> refused;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    refused.swap(waiting_);
    for (auto* entering : refused)
      entering->put(fail(Code::unavailable, "the application is stopping"));
  }
  for (auto* entering : refused) entering->finish();
}

void Turn::give_back() noexcept {
  if (auto of = std::move(of_)) of->leave();
}

}  // namespace mecha::wire
