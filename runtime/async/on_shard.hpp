// Work on another shard, awaited from this one.

#pragma once

#include <memory>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>

#include "runtime/async/async.hpp"

namespace mecha {

// Runs `work` on `home` and resumes here with what it gave. A cancellation of the caller reaches `work` as a message to
// `home`. What that message speaks to is shared with it: the caller may long have resumed when it arrives (the signal that
// `co_spawn` keeps by itself in Boost 1.81 goes with the caller).
template <class T>
asio::awaitable<T> on_shard(Executor home, asio::awaitable<T> work) {
  const auto signal = std::make_shared<asio::cancellation_signal>();
  auto slot = (co_await asio::this_coro::cancellation_state).slot();
  if (slot.is_connected())
    slot.assign([home, signal](asio::cancellation_type type) {
      asio::dispatch(home, [signal, type] { signal->emit(type); });
    });
  co_return co_await asio::co_spawn(home, std::move(work), asio::bind_cancellation_slot(signal->slot(), asio::use_awaitable));
}

}  // namespace mecha
