#include "runtime/async/shards.hpp"

#include <algorithm>

namespace mecha {
namespace {
thread_local std::size_t current_shard = 0;
}

Shards::Shards(std::size_t count) {
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
    contexts_.push_back(std::make_unique<asio::io_context>(1));
  }
}

Shards::~Shards() {
  stop();
  for (auto& thread : threads_) thread.join();
}

void Shards::run() {
  const auto loop = [this](std::size_t index) {
    current_shard = index;
    const auto guard = asio::make_work_guard(*contexts_[index]);
    contexts_[index]->run();
  };
  for (std::size_t i = 1; i < contexts_.size(); ++i) threads_.emplace_back(loop, i);
  loop(0);
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Shards::stop() {
  for (auto& context : contexts_) context->stop();
}

std::size_t Shards::current() { return current_shard; }

}  // namespace mecha
