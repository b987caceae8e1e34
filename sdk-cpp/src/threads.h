// The threads on which gRPC brings answers, and what they take over.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MECHA_SEES_THREADS
extern "C" void __tsan_acquire(void* what);
extern "C" void __tsan_release(void* what);
#endif
#endif

namespace mecha::wire {

/// Keeps them until the process ends. gRPC gives them up with the last channel, and waits for them
/// in its destructor; but a channel of ours may go on one of them, with the last call of a client
/// that went before, and would wait for itself. For who begins a call that ends there: without any,
/// there are no such threads, which take turns with those of blocking calls at waiting for the network.
void keep_callback_threads();

/// Gives to gRPC what its threads look at later, in order: all that was written before `handed_over`
/// is seen after `taken_over`. gRPC sees to that; here the thread sanitizer is told, which knows
/// nothing of the locks inside of it.
inline void handed_over([[maybe_unused]] const void* what) noexcept {
#if defined(MECHA_SEES_THREADS)
  __tsan_release(const_cast<void*>(what));
#endif
}
inline void taken_over([[maybe_unused]] const void* what) noexcept {
#if defined(MECHA_SEES_THREADS)
  __tsan_acquire(const_cast<void*>(what));
#endif
}

}  // namespace mecha::wire
