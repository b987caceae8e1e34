// Deadlines: every outside call has one.

#pragma once

#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/async/async.hpp"

namespace mecha {

// `work`, or after `limit` the failure `deadline_exceeded` with `Failure::timeout`. The loser is cancelled and joined
// before the winner is returned, so `work` must end when it is cancelled. Cancelled itself, it fails with `cancelled`.
template <class T>
Async<T> within(std::chrono::steady_clock::duration limit, Async<T> work) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  auto first =
      co_await (std::move(work) || timer.async_wait(asio::as_tuple(asio::use_awaitable)));
  if (first.index() == 1) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return fail(Code::cancelled, "context canceled");
    co_return fail(Error{
        .code = Code::deadline_exceeded,
        .message = "context deadline exceeded",
        .failure = Failure::timeout});
  }
  co_return std::get<0>(std::move(first));
}

// Waits; false if cancelled.
inline asio::awaitable<bool> sleep_for(std::chrono::steady_clock::duration time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return !error;
}

}  // namespace mecha
