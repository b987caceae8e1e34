// Runs one coroutine per index, at most so many at once, on the caller's shard; returns when all have ended. Cancelling
// the caller cancels those that run and starts no more.

#pragma once

#include <cstddef>
#include <functional>

#include "runtime/async/async.hpp"

namespace mecha {

using IndexedWork = std::function<asio::awaitable<void>(std::size_t index)>;

asio::awaitable<void> for_each_parallel(std::size_t count, std::size_t limit, IndexedWork work);

}  // namespace mecha
