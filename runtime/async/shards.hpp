// Shards: N threads, each with an io_context of its own. A connection lives and dies on its shard.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "runtime/async/async.hpp"

namespace mecha {

class Shards {
 public:
  explicit Shards(std::size_t count);  // at least 1
  ~Shards();                           // stops and joins
  Shards(const Shards&) = delete;
  Shards& operator=(const Shards&) = delete;

  std::size_t count() const { return contexts_.size(); }
  asio::io_context& context(std::size_t index) { return *contexts_[index]; }
  Executor executor(std::size_t index) { return contexts_[index]->get_executor(); }

  // Runs shard 0 on the calling thread and the others on threads of their own, until stop().
  void run();
  // From any thread, also from a shard. Safe to call again.
  void stop();

  // Index of the shard whose thread this is; 0 on any other thread.
  static std::size_t current();

 private:
  std::vector<std::unique_ptr<asio::io_context>> contexts_;
  std::vector<std::thread> threads_;
};

}  // namespace mecha
