// Lazy coroutines: Task<T>, what awaits them (another task, a thread, a callback), and what they
// hand down.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "mecha/context.h"
#include "mecha/result.h"

// A coroutine may be resumed, and its frame be gone, while await_suspend still runs; inlined into
// the frame, its locals would be gone too (Clang before 18).
#define MECHA_NOINLINE __attribute__((noinline))

namespace mecha {

template <class T>
class Task;

namespace detail {

/// Who waits for an operation: a coroutine (`call` is null and `data` its address), or a function.
struct Waiter {
  void (*call)(void*) noexcept = nullptr;
  void* data = nullptr;

  /// Runs a function now, or gives the coroutine to go on with.
  std::coroutine_handle<> next() const noexcept {
    if (call == nullptr) return std::coroutine_handle<>::from_address(data);
    call(data);
    return std::noop_coroutine();
  }
};

/// One piece of work that starts when it is awaited, ends once and then tells its waiter.
class Operation {
 public:
  Waiter waiter;
  const TaskContext* context = nullptr;  ///< Of the awaiting task, alive as long as it waits.

  /// What the calling thread goes on with: the coroutine that this is, `later()` of Work, or the
  /// waiter when this has ended already. Begins nothing that may end it, see Work.
  virtual std::coroutine_handle<> start() noexcept = 0;
  /// Runs to the end on the calling thread when it can; false when it must be started.
  virtual bool run_here() noexcept { return false; }
  /// The owner lets go, before the start, after the end, or in between (then the work is
  /// cancelled).
  virtual void drop() noexcept = 0;

 protected:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() = default;

  /// Tells the waiter, from a thread that is nobody's: on the executor of its task where it has
  /// one.
  void tell() noexcept {
    const Waiter who = waiter;
    if (who.call != nullptr) return who.call(who.data);
    if (context != nullptr && context->executor != nullptr) {
      context->executor->post(
          [](void* data) noexcept { std::coroutine_handle<>::from_address(data).resume(); },
          who.data
      );
    } else {
      std::coroutine_handle<>::from_address(who.data).resume();
    }
  }
};

/// An operation that ends with a T, or with an exception that code of the user threw.
template <class T>
class ValueOperation : public Operation {
 public:
  T take() {
    if (thrown_) std::rethrow_exception(std::move(thrown_));
    return std::move(*value_);
  }
  template <class U>
  void put(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  void put_exception() noexcept { thrown_ = std::current_exception(); }

 protected:
  ~ValueOperation() = default;

 private:
  std::optional<T> value_;
  std::exception_ptr thrown_;
};

template <>
class ValueOperation<void> : public Operation {
 public:
  void take() {
    if (thrown_) std::rethrow_exception(std::move(thrown_));
  }
  void put_exception() noexcept { thrown_ = std::current_exception(); }

 protected:
  ~ValueOperation() = default;

 private:
  std::exception_ptr thrown_;
};

/// What begins work elsewhere begins it after the jump to the handle that `await_suspend` returned.
/// Until then Clang before 18 may keep that handle in the frame of the coroutine that awaits, which
/// the end of the work may free.
class Launched {
 protected:
  Launched() = default;
  Launched(const Launched&) = delete;
  Launched& operator=(const Launched&) = delete;
  ~Launched() {
    if (coroutine_) coroutine_.destroy();
  }

  /// For `start`, once: the calling thread goes on in `go`.
  std::coroutine_handle<> later() noexcept;
  /// Begins the work; this may be gone when it returns.
  virtual void go() noexcept = 0;

 private:
  struct Coroutine;

  std::coroutine_handle<> coroutine_;
  alignas(std::max_align_t) std::byte frame_[64];  ///< Of the coroutine, where it is enough.
};

/// An operation that is no coroutine.
template <class T>
class Work : public ValueOperation<T>, protected Launched {
 protected:
  ~Work() = default;
};

template <class T>
T take_native(Operation& operation) {
  return static_cast<ValueOperation<T>&>(operation).take();
}

/// Makes the coroutine that awaits it hand this context down from now on.
struct SetContext {
  const TaskContext* context;
};
struct GetContext {};

/// The awaitable that gives its value at once.
template <class T>
struct Given {
  T value;
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  T await_resume() noexcept { return value; }
};

template <class T>
class PromiseBase : public ValueOperation<T> {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct Final {
    Waiter waiter;
    bool await_ready() const noexcept { return false; }
    MECHA_NOINLINE std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
      const Waiter who = waiter;
      return who.next();
    }
    void await_resume() const noexcept {}
  };
  Final final_suspend() const noexcept { return {this->waiter}; }

  void unhandled_exception() noexcept { this->put_exception(); }

  template <class A>
  A&& await_transform(A&& awaitable) const noexcept {
    return static_cast<A&&>(awaitable);
  }
  std::suspend_never await_transform(SetContext set) noexcept {
    this->context = set.context;
    return {};
  }
  Given<const TaskContext*> await_transform(GetContext) const noexcept { return {this->context}; }

 protected:
  ~PromiseBase() = default;
};

template <class T>
class Promise final : public PromiseBase<T> {
 public:
  Task<T> get_return_object() noexcept;
  template <class U = T>
  void return_value(U&& value) {
    this->put(std::forward<U>(value));
  }
  std::coroutine_handle<> start() noexcept override {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void drop() noexcept override { std::coroutine_handle<Promise>::from_promise(*this).destroy(); }
};

template <>
class Promise<void> final : public PromiseBase<void> {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  std::coroutine_handle<> start() noexcept override {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void drop() noexcept override { std::coroutine_handle<Promise>::from_promise(*this).destroy(); }
};

/// Lets task.h and the calls of the SDK reach into a task.
struct TaskAccess;

}  // namespace detail

/// A piece of work that ends with a T. It is lazy: nothing happens before it is awaited, and it
/// runs at most once.
///
/// Either a coroutine (`Task<Result<int>> f() { co_return 1; }`) or a call of the SDK. Await it in
/// another Task, run it with `sync_wait`, start it with `spawn` or `then_call`, or hand it to Asio
/// (mecha/asio.h).
///
/// Threads: a coroutine begins on the thread that awaits it. After a call of the SDK it goes on on
/// the executor of its TaskContext, and without one on the thread of gRPC that brought the answer:
/// do not block there. Lifetime: arguments of a coroutine are values or outlive it. Destroying a
/// task that is suspended in a call cancels that call; do not destroy one that another thread may
/// just be resuming (sync_wait, spawn and mecha/asio.h never do). Awaiting a task empties it, as
/// moving from it does; to use an empty one ends the program with a line that says so. Errors: the
/// SDK puts them into Result. What a coroutine of yours throws comes out where it is awaited.
template <class T>
class [[nodiscard]] Task {
 public:
  /// What it ends with.
  using value_type = T;
  /// For the compiler.
  using promise_type = detail::Promise<T>;

  /// The other one is empty afterwards.
  Task(Task&& other) noexcept
      : operation_(std::exchange(other.operation_, nullptr)), take_(other.take_) {}
  /// Destroys what this one was.
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      operation_ = std::exchange(other.operation_, nullptr);
      take_ = other.take_;
    }
    return *this;
  }
  ~Task() { reset(); }

  /// Once; the task is empty afterwards.
  auto operator co_await() && noexcept { return Awaiter(std::move(*this)); }

 private:
  friend struct detail::TaskAccess;
  using Take = T (*)(detail::Operation&);

  class Awaiter {
   public:
    explicit Awaiter(Task&& task) noexcept : task_(std::move(task)) { task_.require(); }
    bool await_ready() const noexcept { return false; }
    template <class P>
    MECHA_NOINLINE std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
      detail::Operation& operation = *task_.operation_;
      operation.waiter = {nullptr, parent.address()};
      if constexpr (requires { parent.promise().context; })
        operation.context = parent.promise().context;
      return operation.start();
    }
    T await_resume() { return task_.take_(*task_.operation_); }

   private:
    Task task_;
  };

  Task(detail::Operation* operation, Take take) noexcept : operation_(operation), take_(take) {}
  void require() const noexcept {
    if (operation_ == nullptr)
      detail::misuse("a Task was used that is empty: it was moved from, or awaited before");
  }
  void reset() noexcept {
    if (operation_ != nullptr) std::exchange(operation_, nullptr)->drop();
  }

  detail::Operation* operation_;
  Take take_;
};

namespace detail {

struct TaskAccess {
  template <class T>
  static Task<T> make(ValueOperation<T>* operation) noexcept {
    return Task<T>(operation, &take_native<T>);
  }
  template <class T>
  static Operation* operation(Task<T>& task) noexcept {
    task.require();
    return task.operation_;
  }
  template <class T>
  static T take(Task<T>& task) {
    return task.take_(*task.operation_);
  }

  /// A task whose value is `Convert{}(value of the given one)`; costs nothing where that one was
  /// not converted before.
  template <class Convert, class From>
  static auto map(Task<From> task) -> Task<std::invoke_result_t<Convert, From&&>> {
    using To = std::invoke_result_t<Convert, From&&>;
    task.require();
    if (task.take_ != &take_native<From>) return map_slowly<Convert>(std::move(task));
    return Task<To>(std::exchange(task.operation_, nullptr), [](Operation& operation) -> To {
      return Convert{}(static_cast<ValueOperation<From>&>(operation).take());
    });
  }

 private:
  template <class Convert, class From>
  static auto map_slowly(Task<From> task) -> Task<std::invoke_result_t<Convert, From&&>> {
    co_return Convert{}(co_await std::move(task));
  }
};

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return TaskAccess::make<T>(this);
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return TaskAccess::make<void>(this);
}

/// The operation that has ended before it began.
template <class T>
class Ready final : public ValueOperation<T> {
 public:
  explicit Ready(T value) { this->put(std::move(value)); }
  std::coroutine_handle<> start() noexcept override { return this->waiter.next(); }
  bool run_here() noexcept override { return true; }
  void drop() noexcept override { delete this; }
};

/// What a thread waits on; the lock is held while it is told, so that the waiter may destroy this
/// at once.
class Latch {
 public:
  void open() noexcept {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_one();
  }
  void wait() noexcept {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// Owns a task that nobody awaits, and a function for its value.
template <class T, class F>
struct Detached {
  Task<T> task;
  TaskContext context;
  F done;

  static void finish(void* data) noexcept {
    std::unique_ptr<Detached> self(static_cast<Detached*>(data));
    if constexpr (std::is_void_v<T>) {
      TaskAccess::take(self->task);
      std::move(self->done)();
    } else {
      std::move(self->done)(TaskAccess::take(self->task));
    }
  }
};

}  // namespace detail

/// A task that is done: for fakes, and for functions that know the answer.
template <class T>
Task<T> ready(T value) {
  return detail::TaskAccess::make<T>(new detail::Ready<T>(std::move(value)));
}

/// The context of the coroutine it is awaited in: `const TaskContext* context = co_await
/// current_context();`, null when nobody set one.
inline detail::GetContext current_context() noexcept { return {}; }

/// Runs `task` with a context of its own, which everything awaited inside inherits.
template <class T>
Task<T> with_context(TaskContext context, Task<T> task) {
  co_await detail::SetContext{&context};
  co_return co_await std::move(task);
}

/// Runs a task and blocks this thread until it ends. Not for threads of gRPC or of an executor that
/// the task needs.
template <class T>
T sync_wait(Task<T> task, TaskContext context = ambient_context()) {
  detail::Operation& operation = *detail::TaskAccess::operation(task);
  operation.context = &context;
  if (!operation.run_here()) {
    detail::Latch latch;
    operation.waiter = {
        [](void* data) noexcept { static_cast<detail::Latch*>(data)->open(); }, &latch
    };
    operation.start().resume();
    latch.wait();
  }
  return detail::TaskAccess::take(task);
}

/// Starts a task on this thread and calls `done(value)` where it ends; `done` must not throw. The
/// task keeps itself alive. An exception out of the task ends the program, as one out of a thread
/// does.
template <class T, class F>
void then_call(Task<T> task, F done, TaskContext context = {}) {
  auto* owner = new detail::Detached<T, F>{std::move(task), std::move(context), std::move(done)};
  detail::Operation& operation = *detail::TaskAccess::operation(owner->task);
  operation.context = &owner->context;
  operation.waiter = {&detail::Detached<T, F>::finish, owner};
  operation.start().resume();
}

/// Starts a task on this thread and forgets it.
inline void spawn(Task<void> task, TaskContext context = {}) {
  then_call(std::move(task), [] {}, std::move(context));
}

}  // namespace mecha
