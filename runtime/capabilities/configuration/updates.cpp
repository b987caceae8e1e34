#include "runtime/capabilities/configuration/updates.hpp"

namespace mecha::configuration {
namespace {

asio::awaitable<bool> cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

}  // namespace

asio::awaitable<std::optional<Items>> Updates::next() {
  while (!ended_ && waiting_.empty()) {
    co_await changed_.wait();
    if (co_await cancelled()) co_return std::nullopt;
  }
  if (ended_) co_return std::nullopt;
  auto items = std::move(waiting_.front());
  waiting_.pop_front();
  changed_.pulse();
  co_return items;
}

asio::awaitable<void> Updates::put(Items items) {
  while (!ended_ && waiting_.size() >= kUpdatesMax) {
    co_await changed_.wait();
    if (co_await cancelled()) co_return;
  }
  if (ended_) co_return;
  waiting_.push_back(std::move(items));
  changed_.pulse();
}

void Updates::end() {
  ended_ = true;
  waiting_.clear();
  changed_.pulse();
}

}  // namespace mecha::configuration
