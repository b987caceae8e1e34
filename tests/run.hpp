// run(coroutine): drives an io_context until the coroutine ends, with a time limit.

#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "runtime/async/async.hpp"

namespace mecha::testing {

template <class T>
T run(asio::io_context& context, asio::awaitable<T> work, std::chrono::seconds limit = std::chrono::seconds(60)) {
  std::optional<T> result;
  std::exception_ptr error;
  bool done = false;
  asio::co_spawn(context, std::move(work), [&](std::exception_ptr e, T value) {
    error = e;
    if (!e) result.emplace(std::move(value));
    done = true;
  });
  context.restart();
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done && std::chrono::steady_clock::now() < end) context.run_one_until(end);
  if (!done) throw std::runtime_error("the coroutine did not end in time");
  if (error) std::rethrow_exception(error);
  return std::move(*result);
}

inline void run(asio::io_context& context, asio::awaitable<void> work, std::chrono::seconds limit = std::chrono::seconds(60)) {
  const auto wrap = [](asio::awaitable<void> inner) -> asio::awaitable<bool> {
    co_await std::move(inner);
    co_return true;
  };
  run(context, wrap(std::move(work)), limit);
}

// Waits for what another thread brings about, at most half a minute.
template <class F>
bool eventually(F condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace mecha::testing
