// CallerWatch: a request is given up, whatever it waits for, when its client goes away or its deadline passes. Every server face
// has one around what it does for a request (docs/adr/0012-cancellation.md).
//
//   const CallerWatch watch(scope, exchange);
//   try {
//     co_await handler(request);
//   } catch (const boost::system::system_error& error) {
//     if (!watch.gave_up(error)) throw;
//   }
//   co_await watch.settle();
//
// Lives in the coroutine that the server runs for the exchange, on its shard.

#pragma once

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "runtime/async/async.hpp"
#include "runtime/net/exchange.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha {

class CallerWatch {
 public:
  CallerWatch(RequestScope& scope, net::Exchange& exchange)
      : scope_(scope), exchange_(exchange), hook_(scope, [&exchange] { exchange.cancel_handler(); }) {
    exchange_.on_disconnect([&scope] { scope.give_up(); });
  }
  ~CallerWatch() { exchange_.on_disconnect(nullptr); }
  CallerWatch(const CallerWatch&) = delete;
  CallerWatch& operator=(const CallerWatch&) = delete;

  // Whether the error is how a handler ends that was given up.
  bool gave_up(const boost::system::system_error& error) const {
    return scope_.cancelled && error.code() == asio::error::operation_aborted;
  }

  // What is still to be done for the request is not cut.
  auto settle() const { return asio::this_coro::reset_cancellation_state(); }

 private:
  RequestScope& scope_;
  net::Exchange& exchange_;
  CancelHook hook_;
};

}  // namespace mecha
