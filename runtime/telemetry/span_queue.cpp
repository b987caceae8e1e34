#include "runtime/telemetry/span_queue.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>

namespace mecha::trace {

Tracer::Queue::Queue(
    const TracerOptions& options,
    Log to,
    Shards& shards,
    std::vector<std::unique_ptr<Exporter>> list
)
    : queue_max_(options.queue_max),
      batch_max_(options.batch_max),
      interval_(options.interval),
      log_(std::move(to)),
      home_(shards.executor(0)),
      exporters_(std::move(list)),
      gate_(home_),
      timer_(home_) {}

void Tracer::Queue::add(Finished span) {
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || waiting_.size() >= queue_max_) {
      ++dropped;
      return;
    }
    waiting_.push_back(std::move(span));
    full = waiting_.size() == batch_max_;
    if (waiting_.size() != 1 && !full) return;
  }
  asio::post(home_, [self = shared_from_this(), full] { self->schedule(full); });
}

void Tracer::Queue::schedule(bool at_once) {
  if (!running_) {
    running_ = gate_.spawn(home_, cycle(shared_from_this()));
  } else if (at_once) {
    timer_.cancel();
  }
}

std::vector<Finished> Tracer::Queue::take() {
  const std::lock_guard lock(mutex_);
  std::vector<Finished> batch;
  if (waiting_.size() <= batch_max_) {
    batch.swap(waiting_);
  } else {
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(batch_max_);
    batch.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
  }
  return batch;
}

asio::awaitable<void> Tracer::Queue::cycle(std::shared_ptr<Queue> self) {
  for (;;) {
    bool at_once = false;
    {
      const std::lock_guard lock(mutex_);
      at_once = closed_ || waiting_.size() >= batch_max_;
    }
    if (!at_once) {
      timer_.expires_after(interval_);
      co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    std::vector<Finished> batch = take();
    if (batch.empty()) break;
    co_await send(std::move(batch));
  }
  running_ = false;
}

asio::awaitable<void> Tracer::Queue::send(std::vector<Finished> batch) {
  const auto shared = std::make_shared<const std::vector<Finished>>(std::move(batch));
  for (const auto& exporter : exporters_) {
    const Result<void> sent = co_await exporter->send(shared);
    if (!sent) log_.warn("failed to export spans: " + sent.error().message);
  }
}

asio::awaitable<void> Tracer::Queue::stop(std::chrono::steady_clock::duration limit) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  if (!running_) schedule(true);
  timer_.cancel();
  co_await gate_.close(limit);
  const std::lock_guard lock(mutex_);
  dropped += waiting_.size();
  waiting_.clear();
}

}  // namespace mecha::trace
