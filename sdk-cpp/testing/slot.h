// A value that somebody gives later: what calls that are held and streams without a message wait
// for.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "mecha/task.h"

namespace mecha::testing::detail {

/// One value for one waiter. Any thread. The value comes from `give`, or is `stopped` when a stop
/// token asks for an end.
template <class T>
class Slot : public std::enable_shared_from_this<Slot<T>> {
 public:
  /// To be awaited once. Destroying the task gives the slot up.
  Task<T> wait(std::stop_token own, T stopped) {
    return mecha::detail::TaskAccess::make<T>(
        new Wait(this->shared_from_this(), std::move(own), std::move(stopped))
    );
  }

  /// False when there is a value already, or nobody waits any more; `value` is then untouched.
  bool give(T&& value) {
    Wait* told = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      closed_ = true;
      told = std::exchange(waiting_, nullptr);
      if (told == nullptr) value_.emplace(std::move(value));
      if (told != nullptr) told->put(std::move(value));
    }
    if (told != nullptr) told->finish();
    return true;
  }

 private:
  class Wait final : public mecha::detail::Work<T> {
   public:
    Wait(std::shared_ptr<Slot> slot, std::stop_token own, T stopped)
        : slot_(std::move(slot)), own_(std::move(own)), stopped_(std::move(stopped)) {}

    std::coroutine_handle<> start() noexcept override {
      const auto slot = slot_;
      // Before the waiter is known, so that nobody is told while this still runs.
      const auto task = this->context != nullptr ? this->context->stop : std::stop_token();
      if (own_.stop_requested() || task.stop_requested()) {
        slot->give(std::move(stopped_));
      } else {
        if (own_.stop_possible()) by_own_.emplace(own_, Stop{slot, stopped_});
        if (task.stop_possible()) by_task_.emplace(task, Stop{slot, stopped_});
      }
      const std::lock_guard lock(slot->mutex_);
      return settles() ? this->waiter.next() : this->later();
    }

    void drop() noexcept override {
      {
        const std::lock_guard lock(slot_->mutex_);
        slot_->waiting_ = nullptr;
        slot_->closed_ = true;
      }
      delete this;
    }

    void finish() noexcept { this->tell(); }

   private:
    void go() noexcept override {
      const auto slot = slot_;
      {
        const std::lock_guard lock(slot->mutex_);
        if (!settles()) {
          slot->waiting_ = this;
          return;
        }
      }
      this->waiter.next().resume();
    }
    // Under the lock. True when the value is there.
    bool settles() {
      if (!slot_->value_) return false;
      this->put(std::move(*slot_->value_));
      return true;
    }

    struct Stop {
      std::shared_ptr<Slot> slot;
      T value;
      // The callback may be destroyed while it runs.
      void operator()() noexcept {
        const auto to = slot;
        to->give(T(value));
      }
    };

    std::shared_ptr<Slot> slot_;
    std::stop_token own_;
    T stopped_;
    std::optional<std::stop_callback<Stop>> by_own_, by_task_;
  };

  std::mutex mutex_;
  std::optional<T> value_;
  Wait* waiting_ = nullptr;
  bool closed_ = false;
};

}  // namespace mecha::testing::detail
