// A handler's part: what comes is what goes.

#pragma once

#include "runtime/net/exchange.hpp"

namespace mecha::testing {

// Sends the body back as it comes, after the head; finish() is left to the caller. False if either side broke off.
inline asio::awaitable<bool> echo_body(net::Exchange& exchange) {
  for (;;) {
    const auto piece = co_await exchange.body().read();
    if (!piece) co_return false;
    if (piece->empty()) co_return true;
    const auto written = co_await exchange.write(*piece);
    if (!written) co_return false;
  }
}

}  // namespace mecha::testing
