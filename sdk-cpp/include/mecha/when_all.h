// Two tasks at a time.
#pragma once

#include <atomic>
#include <utility>

#include "mecha/task.h"

namespace mecha {
namespace detail {

template <class A, class B>
class Both final : public Work<std::pair<A, B>> {
 public:
  Both(Task<A> a, Task<B> b) : a_(std::move(a)), b_(std::move(b)) {}

  std::coroutine_handle<> start() noexcept override { return this->later(); }
  void drop() noexcept override { delete this; }

 private:
  void go() noexcept override {
    begin(*TaskAccess::operation(a_));
    begin(*TaskAccess::operation(b_));
    end();
  }
  void begin(Operation& part) noexcept {
    part.context = this->context;
    part.waiter = {[](void* self) noexcept { static_cast<Both*>(self)->end(); }, this};
    part.start().resume();
  }

  // The last of the two parts and of the start itself tells.
  void end() noexcept {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    collect();
    this->tell();
  }
  void collect() noexcept {
#if defined(__cpp_exceptions)
    try {
      this->put(std::pair<A, B>(TaskAccess::take(a_), TaskAccess::take(b_)));
    } catch (...) {
      this->put_exception();
    }
#else
    this->put(std::pair<A, B>(TaskAccess::take(a_), TaskAccess::take(b_)));
#endif
  }

  Task<A> a_;
  Task<B> b_;
  std::atomic<int> left_{3};
};

}  // namespace detail

/// Runs two tasks at a time and ends when both have ended. Both inherit the context of the awaiting
/// task. What one of them throws comes out after both have ended. Do not destroy it in between.
template <class A, class B>
Task<std::pair<A, B>> when_all(Task<A> a, Task<B> b) {
  return detail::TaskAccess::make(new detail::Both<A, B>(std::move(a), std::move(b)));
}

}  // namespace mecha
