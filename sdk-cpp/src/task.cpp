// The small coroutine in which work begins when the coroutine that awaits it has let go of its frame.

#include "mecha/task.h"

#include <new>

namespace mecha::detail {

// It stays suspended in its only `co_await`, and goes with the operation, in which it lives.
struct Launched::Coroutine {
  struct promise_type {
    Coroutine get_return_object() noexcept {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept {}

    // A compiler that does not optimize may need more than the room that is kept for it.
    static void* operator new(std::size_t size, Launched& work) {
      return size <= sizeof frame_ ? work.frame_ : ::operator new(size);
    }
    static void operator delete(void* frame, std::size_t size) noexcept {
      if (size > sizeof frame_) ::operator delete(frame);
    }
  };

  struct Go {
    Launched& work;
    bool await_ready() const noexcept { return false; }
    MECHA_NOINLINE void await_suspend(std::coroutine_handle<>) const noexcept { work.go(); }
    void await_resume() const noexcept {}
  };

  static Coroutine of(Launched& work) { co_await Go{work}; }

  std::coroutine_handle<> handle;
};

std::coroutine_handle<> Launched::later() noexcept {
  return coroutine_ = Coroutine::of(*this).handle;
}

}  // namespace mecha::detail
