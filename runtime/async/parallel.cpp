#include "runtime/async/parallel.hpp"

#include <algorithm>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>

namespace mecha {
namespace {

asio::awaitable<void> worker(std::size_t& next, std::size_t count, const IndexedWork& work) {
  while (next < count) co_await work(next++);
}

}  // namespace

asio::awaitable<void> for_each_parallel(std::size_t count, std::size_t limit, IndexedWork work) {
  std::size_t next = 0;
  const auto workers = std::min(count, std::max<std::size_t>(limit, 1));
  if (workers <= 1) {
    co_await worker(next, count, work);
    co_return;
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto start = [&] { return asio::co_spawn(executor, worker(next, count, work), asio::deferred); };
  std::vector<decltype(start())> group;
  group.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) group.push_back(start());
  const auto [order, errors] =
      co_await asio::experimental::make_parallel_group(std::move(group))
          .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace mecha
