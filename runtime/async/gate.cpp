#include "runtime/async/gate.hpp"

#include <cstdio>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include "runtime/base/check.hpp"

namespace mecha {
namespace {

std::function<void(const std::string&)>& stray_hook() {
  static std::function<void(const std::string&)> hook = [](const std::string& text) {
    std::fprintf(stderr, "mecha: background work failed: %s\n", text.c_str());
  };
  return hook;
}

void report(std::exception_ptr error) {
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) return;  // cancelled: an ordinary end
    stray_hook()(e.what());
  } catch (const std::exception& e) {
    stray_hook()(e.what());
  } catch (...) {
    stray_hook()("an exception of unknown type");
  }
}

}  // namespace

void on_stray_exception(std::function<void(const std::string&)> hook) {
  stray_hook() = std::move(hook);
}

Gate::Gate(Executor executor) : idle_(std::move(executor)) {
  idle_.expires_at(asio::steady_timer::time_point::max());
}

Gate::~Gate() { MECHA_CHECK(signals_.empty()); }

bool Gate::spawn(Executor executor, asio::awaitable<void> work) {
  if (closed_) return false;
  run(std::move(executor), std::move(work), signals_.emplace(signals_.end()));
  return true;
}

void Gate::run(Executor executor, asio::awaitable<void> work, Signal signal) {
  asio::co_spawn(
      std::move(executor),
      std::move(work),
      asio::bind_cancellation_slot(
          signal->slot(),
          [this, signal](std::exception_ptr error) {
            signals_.erase(signal);
            if (signals_.empty()) idle_.cancel();
            report(error);
          }
      )
  );
}

void Gate::cancel() {
  // Emitting may end a task and erase its entry; the next one is taken first.
  for (auto next = signals_.begin(); next != signals_.end();) {
    const auto current = next++;
    current->emit(asio::cancellation_type::terminal);
  }
}

asio::awaitable<bool> Gate::close(std::chrono::steady_clock::duration grace) {
  closed_ = true;
  const auto limit = std::chrono::steady_clock::now() + grace;
  while (!signals_.empty() && std::chrono::steady_clock::now() < limit) {
    idle_.expires_at(limit);
    co_await idle_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (signals_.empty()) co_return true;
  cancel();
  while (!signals_.empty()) {
    idle_.expires_at(asio::steady_timer::time_point::max());
    co_await idle_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_return false;
}

}  // namespace mecha
