// Asked: a caller that waits for a job on another thread, as both see it. The caller may leave; the job then goes on without it.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "runtime/async/async.hpp"

namespace mecha {

template <class T>
class Asked {
 public:
  Asked() = default;
  virtual ~Asked() = default;
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  // From any thread. False once the caller has left, or has its answer.
  virtual bool waits() = 0;
  // Once, from any thread. The result is dropped if nobody waits.
  virtual void answer(Result<T> result) = 0;
};

template <class T, class Handler>
class AskedBy final : public Asked<T> {
 public:
  explicit AskedBy(Handler handler)
      : executor_(asio::get_associated_executor(handler)), guard_(executor_), handler_(std::move(handler)) {}

  bool waits() override {
    const std::lock_guard lock(mutex_);
    return handler_.has_value();
  }

  void answer(Result<T> result) override {
    const std::lock_guard lock(mutex_);
    post(std::move(result));
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    post(fail(Code::cancelled, "context canceled"));
  }

 private:
  // With the lock.
  void post(Result<T> result) {
    if (!handler_) return;
    asio::post(executor_, [h = *std::move(handler_), r = std::move(result)]() mutable { std::move(h)(std::move(r)); });
    handler_.reset();
    guard_.reset();
  }

  std::mutex mutex_;
  const asio::associated_executor_t<Handler> executor_;
  asio::executor_work_guard<asio::associated_executor_t<Handler>> guard_;
  std::optional<Handler> handler_;
};

// Whether who is cancelled leaves what it asked for behind, or stays until it is done.
enum class Caller : std::uint8_t { leaves, stays };

// `submit` sees to it that answer() is called, once. Who leaves is answered at once with `cancelled`.
template <class T>
Async<T> ask(std::function<void(std::shared_ptr<Asked<T>>)> submit, Caller caller = Caller::leaves) {
  auto result = co_await asio::async_initiate<decltype(asio::use_awaitable), void(Result<T>)>(
      [&submit, caller](auto handler) {
        using Handler = decltype(handler);
        auto slot = asio::get_associated_cancellation_slot(handler);
        const auto asked = std::make_shared<AskedBy<T, Handler>>(std::move(handler));
        if (caller == Caller::leaves && slot.is_connected()) {
          slot.assign([weak = std::weak_ptr(asked)](asio::cancellation_type) {
            if (const auto waiting = weak.lock()) waiting->leave();
          });
        }
        submit(asked);
      },
      asio::use_awaitable
  );
  co_return std::move(result);
}

}  // namespace mecha
