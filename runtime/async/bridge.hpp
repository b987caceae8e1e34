// Bridge: the one place where a blocking library is met. Jobs run in order on a thread of the bridge; the caller's
// coroutine goes on where it was, on its own shard, with the result.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "runtime/async/asked.hpp"
#include "runtime/async/async.hpp"

namespace mecha {

class Bridge {
 public:
  // `name` is the thread's (15 characters at most). `queue_max` bounds the jobs that wait: more are refused with
  // resource_exhausted, so that a slow library is seen as such instead of as growing memory.
  explicit Bridge(std::string name, std::size_t queue_max = 4096);
  ~Bridge();  // runs what is queued, then joins
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // Queues a job; false if the queue is full or the bridge is stopping. From any thread.
  bool post(std::function<void()> job);

  // Runs `job` (Result<T>()) on the bridge's thread and returns its result on the caller's executor. Once queued, a job
  // is not cancelled: a caller that is cancelled still waits for it, so that nothing it refers to goes away.
  template <class T>
  Async<T> call(std::function<Result<T>()> job) {
    auto result = co_await asio::async_initiate<decltype(asio::use_awaitable), void(Result<T>)>(
        [this, job = std::move(job)](auto handler) mutable {
          auto executor = asio::get_associated_executor(handler);
          auto work = asio::make_work_guard(executor);
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          const bool queued = post([shared, executor, work, job]() {
            asio::post(executor, [shared, result = job()]() mutable {
              (*shared)(std::move(result));
            });
          });
          if (!queued) {
            asio::post(executor, [shared]() mutable {
              (*shared)(Result<T>(fail(Code::resource_exhausted, "too many calls are waiting")));
            });
          }
        },
        asio::use_awaitable
    );
    co_return std::move(result);
  }

  // The same for a caller that may be cancelled: it leaves the job behind, with `cancelled`. What the job uses it owns; one that has
  // not begun never does, the result of one that has is dropped. `job` hears through its argument of whether it is waited for.
  template <class T>
  Async<T> call_or_leave(std::function<Result<T>(Asked<T>&)> job, Caller caller = Caller::leaves) {
    const auto begin = [this, job = std::move(job)](std::shared_ptr<Asked<T>> asked) {
      const bool queued = post([asked, job] {
        if (asked->waits()) asked->answer(job(*asked));
      });
      if (!queued) asked->answer(fail(Code::resource_exhausted, "too many calls are waiting"));
    };
    co_return co_await ask<T>(begin, caller);
  }

 private:
  void loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::size_t queue_max_;
  bool stopping_ = false;
  std::thread thread_;
};

// Runs `job` on a thread made for it: what waits for the end of threads, which may be at a server that does not answer.
Async<void> run_aside(std::string name, std::function<void()> job);

}  // namespace mecha
