// The bounded queue between spans and exporters. For tracer.cpp and span_queue.cpp only.

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "runtime/async/gate.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::trace {

struct Tracer::Queue : std::enable_shared_from_this<Tracer::Queue> {
  Queue(
      const TracerOptions& options,
      Log to,
      Shards& shards,
      std::vector<std::unique_ptr<Exporter>> list
  );

  void add(Finished span);  // from any thread
  asio::awaitable<void> stop(std::chrono::steady_clock::duration limit);
  bool exports() const { return !exporters_.empty(); }

  std::atomic<std::uint64_t> dropped = 0;

 private:
  std::vector<Finished> take();
  void schedule(bool at_once);
  // Waits, sends, and ends when nothing is left: no timer runs while there are no spans.
  asio::awaitable<void> cycle(std::shared_ptr<Queue> self);
  asio::awaitable<void> send(std::vector<Finished> batch);

  const std::size_t queue_max_, batch_max_;
  const std::chrono::milliseconds interval_;
  const Log log_;
  const Executor home_;  // shard 0
  std::vector<std::unique_ptr<Exporter>> exporters_;
  std::mutex mutex_;
  std::vector<Finished> waiting_;
  bool closed_ = false;
  // Shard 0 only.
  Gate gate_;
  asio::steady_timer timer_;
  bool running_ = false;
};

}  // namespace mecha::trace
