#include "components/pubsub/batcher.hpp"

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::pubsub {

Batcher::Batcher(Executor executor, BulkLimits limits, BulkHandler handler)
    : executor_(executor), gate_(executor), limits_(limits), handler_(std::move(handler)) {}

asio::awaitable<Verdict> Batcher::deliver(Message message) {
  if (open_ == nullptr) {
    open_ = std::make_shared<Batch>(executor_);
    spawn(gate_, executor_, wait_and_flush(open_));  // the window begins with the first message
  }
  const auto batch = open_;
  const std::size_t place = batch->messages.size();
  batch->messages.push_back({text::uuid(), std::move(message)});
  if (closing_ || batch->messages.size() >= static_cast<std::size_t>(limits_.messages_max)) send(batch);
  co_await batch->done.wait();
  co_return place < batch->verdicts.size() ? batch->verdicts[place] : Verdict::abandoned;
}

asio::awaitable<void> Batcher::wait_and_flush(std::shared_ptr<Batch> batch) {
  co_await sleep_for(limits_.await_max);
  if (open_ == batch) send(batch);
}

void Batcher::send(std::shared_ptr<Batch> batch) {
  open_ = nullptr;
  if (!spawn(gate_, executor_, handle(batch))) batch->done.set();
}

asio::awaitable<void> Batcher::handle(std::shared_ptr<Batch> batch) {
  struct Finish {  // cancelled or not, whoever waits goes on
    Batch& batch;
    ~Finish() { batch.done.set(); }
  } finish{*batch};
  batch->verdicts = co_await handler_(std::move(batch->messages));
}

void Batcher::flush() {
  closing_ = true;
  if (open_ != nullptr) send(open_);
}

asio::awaitable<void> Batcher::close() { co_await gate_.close(std::chrono::seconds(0)); }

asio::awaitable<void> BatchSubscription::stop(std::chrono::steady_clock::duration grace) {
  batcher_->flush();
  co_await inner_->stop(grace);
  co_await batcher_->close();
}

}  // namespace mecha::pubsub
