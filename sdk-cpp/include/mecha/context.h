// What goes along with a piece of work without being named in each call: trace, executor, wish to
// stop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "mecha/error.h"

namespace mecha {

/// Where a request belongs, in the W3C forms. Immutable once shared; safe on any thread. A part
/// that is not printable ASCII or is longer than 8192 bytes is not sent: calls go on without it.
struct TraceContext {
  std::string traceparent;  ///< Trace, span and flags.
  std::string tracestate;  ///< What vendors add; goes with `traceparent`.
  std::string baggage;  ///< Keys and values of the application.
};

/// Where coroutines go on after a call of the SDK. Implementations are called on any thread.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `work(data)` soon, once, on a thread of this executor. Must not fail and must not run it
  /// in place.
  virtual void post(void (*work)(void*) noexcept, void* data) noexcept = 0;
};

/// What a Task hands down to every task and call that is awaited inside it. The host of handlers
/// fills one per request. A plain value; while a task runs, nobody may change the one it was given.
struct TaskContext {
  std::shared_ptr<const TraceContext> trace;  ///< Sent with each call; none when empty.
  Executor* executor =
      nullptr;           ///< Outlives the task. Null: coroutines go on where the answer came in.
  std::stop_token stop;  ///< Cancels calls under way; they end with `cancelled`.
  /// When whoever waits for this work gives up: calls end no later, with `deadline_exceeded`, unless
  /// their limit is `no_timeout`.
  std::optional<std::chrono::system_clock::time_point> deadline = std::nullopt;
};

namespace detail {

// The context of the handler that runs on this thread as a plain function.
inline thread_local const TaskContext* ambient = nullptr;

/// Sets it for a while, on this thread.
class AmbientScope {
 public:
  explicit AmbientScope(const TaskContext* context) noexcept : before_(ambient) {
    ambient = context;
  }
  AmbientScope(const AmbientScope&) = delete;
  AmbientScope& operator=(const AmbientScope&) = delete;
  ~AmbientScope() { ambient = before_; }

 private:
  const TaskContext* before_;
};

}  // namespace detail

/// Inside a handler of a service that is a plain function: the context of its request, which calls
/// that block take along by themselves. Elsewhere an empty one. A coroutine asks `co_await
/// current_context()` instead.
inline TaskContext ambient_context() {
  return detail::ambient == nullptr ? TaskContext() : *detail::ambient;
}

/// Per-call settings; every one has a default. A plain value.
struct CallOptions {
  /// The limit of this call; empty: the default of the client; `no_timeout`: none at all; what is
  /// not positive has passed already.
  std::optional<std::chrono::milliseconds> timeout;
  /// Cancels this call; besides the one of the task around it.
  std::stop_token stop;
  /// The trace this call belongs to; empty: the one of the task around it.
  std::shared_ptr<const TraceContext> trace;
  /// Further gRPC metadata of the request: what an application that is invoked sees as headers.
  /// Keys are sent in lower case. A key with other signs than letters, digits, `-`, `_` and `.`, one
  /// of gRPC's own, and a value that is not printable ASCII make the call `invalid_argument`; values
  /// of keys that end in `-bin` may be any bytes.
  Metadata metadata;

  /// No limit at all, not even that of the task.
  static constexpr std::chrono::milliseconds no_timeout = std::chrono::milliseconds::max();
};

namespace detail {

/// A limit counted from now. What no clock can tell is a hundred years.
template <class Clock>
typename Clock::time_point after(std::chrono::milliseconds limit) {
  constexpr std::chrono::hours far(24 * 365 * 100);
  return Clock::now() + (limit < far ? limit : std::chrono::milliseconds(far));
}

}  // namespace detail

}  // namespace mecha
