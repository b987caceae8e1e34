// Tasks on an executor of Asio: Boost.Asio, or the standalone library where ASIO_STANDALONE is
// defined.
#pragma once

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#if defined(ASIO_STANDALONE)
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#else
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#endif

#include "mecha/task.h"

namespace mecha {

namespace detail {
#if defined(ASIO_STANDALONE)
namespace net = ::asio;
#else
namespace net = ::boost::asio;
#endif
}  // namespace detail

/// An executor of Asio in the form that a TaskContext takes. Alive as long as tasks use it; counts
/// as work while one is under way only through async_run.
template <class AsioExecutor>
class OnAsio final : public Executor {
 public:
  /// Of the executor on which the work goes on.
  explicit OnAsio(AsioExecutor executor) : executor_(std::move(executor)) {}
  void post(void (*work)(void*) noexcept, void* data) noexcept override {
    detail::net::post(executor_, [work, data] { work(data); });
  }

 private:
  AsioExecutor executor_;
};

namespace detail {

// What one async_run owns besides the task.
template <class Handler, class AsioExecutor>
struct AsioRun {
  AsioRun(Handler done, AsioExecutor where)
      : handler(std::move(done)), executor(where), work(where) {}

  Handler handler;
  OnAsio<AsioExecutor> executor;
  net::executor_work_guard<AsioExecutor> work;
  std::stop_source stop{std::nostopstate};
};

struct StartAsioRun {
  template <class Handler, class T>
  void operator()(Handler&& handler, Task<T> task, TaskContext context) const {
    using Plain = std::decay_t<Handler>;
    auto where = net::get_associated_executor(handler);
    auto slot = net::get_associated_cancellation_slot(handler);
    using Run = AsioRun<Plain, decltype(where)>;
    auto run = std::make_unique<Run>(std::forward<Handler>(handler), where);
    if (context.executor == nullptr) context.executor = &run->executor;
    if (slot.is_connected() && !context.stop.stop_possible()) {
      run->stop = std::stop_source();
      context.stop = run->stop.get_token();
      slot.assign([stop = run->stop](auto...) mutable { stop.request_stop(); });
    }
    then_call(
        std::move(task),
        [run = std::move(run)](T value) mutable {
          const auto executor = run->work.get_executor();
          net::dispatch(executor, [run = std::move(run), value = std::move(value)]() mutable {
            auto done = std::move(run->handler);
            run.reset();
            std::move(done)(std::move(value));
          });
        },
        std::move(context)
    );
  }
};

}  // namespace detail

/// Runs a task as an operation of Asio; the completion signature is `void(T)`:
///
///     auto order = co_await mecha::async_run(store.get<Order>("k"), asio::use_awaitable);
///
/// Threads: the task begins on the calling thread. Its coroutines go on on the executor of the
/// completion handler, and so does the handler. Cancellation: through the slot of the handler,
/// where the context has no stop token of its own. Lifetime: the task is kept until it ends.
/// Errors: in T; an exception out of the task ends the program.
template <class T, class CompletionToken>
auto async_run(Task<T> task, CompletionToken&& token, TaskContext context = {}) {
  static_assert(!std::is_void_v<T>, "give the task a value, such as Result<void>");
  return detail::net::async_initiate<CompletionToken, void(T)>(
      detail::StartAsioRun{}, token, std::move(task), std::move(context)
  );
}

}  // namespace mecha
