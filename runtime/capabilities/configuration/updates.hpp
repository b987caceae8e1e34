// Updates: the changes of one subscription on their way into a stream. At most kUpdatesMax wait; the store is held back beyond.
// Lives on one shard.

#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "components/configuration/configuration_store.hpp"
#include "runtime/async/event.hpp"

namespace mecha::configuration {

inline constexpr std::size_t kUpdatesMax = 64;

class Updates {
 public:
  Updates(std::string id, Executor executor) : id_(std::move(id)), changed_(std::move(executor)) {}

  // Of the subscription: the first message of a stream has it alone.
  const std::string& id() const { return id_; }
  std::size_t waiting() const { return waiting_.size(); }

  // The next change; empty once the subscription has ended or the caller is cancelled.
  asio::awaitable<std::optional<Items>> next();
  // Waits for room; what comes after the end is dropped.
  asio::awaitable<void> put(Items items);
  void end();

 private:
  const std::string id_;
  std::deque<Items> waiting_;
  Event changed_;
  bool ended_ = false;
};

}  // namespace mecha::configuration
