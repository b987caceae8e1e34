// Async<T>: the one kind of asynchronous function. A coroutine of Asio that ends in a Result<T>.
//
// Parameters of coroutines are values or owned references: never a view or a temporary by reference into one that is
// spawned. No capturing lambda coroutine is invoked in place: it dangles.

#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "runtime/base/result.hpp"

namespace mecha {

namespace asio = boost::asio;

template <class T>
using Async = asio::awaitable<Result<T>>;

using Executor = asio::any_io_executor;

}  // namespace mecha
