// Batcher: makes batches of single messages for brokers without bulk delivery of their own. A message waits in its handler
// until its batch has been handled, so acknowledgement and back-pressure stay with the broker. Lives on one shard.

#pragma once

#include <memory>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::pubsub {

class Batcher {
 public:
  Batcher(Executor executor, BulkLimits limits, BulkHandler handler);

  // The handler of the single subscription: waits for the batch of this message and gives its verdict.
  asio::awaitable<Verdict> deliver(Message message);
  // What waits is handled at once, and what comes from now on alone.
  void flush();
  // After the single subscription has stopped: nothing is under way any more but windows, which are cancelled.
  asio::awaitable<void> close();

 private:
  struct Batch {
    explicit Batch(Executor executor) : done(std::move(executor)) {}
    std::vector<BulkMessage> messages;
    std::vector<Verdict> verdicts;
    Event done;
  };

  asio::awaitable<void> wait_and_flush(std::shared_ptr<Batch> batch);
  asio::awaitable<void> handle(std::shared_ptr<Batch> batch);
  void send(std::shared_ptr<Batch> batch);

  Executor executor_;
  Gate gate_;
  BulkLimits limits_;
  BulkHandler handler_;
  std::shared_ptr<Batch> open_;
  bool closing_ = false;
};

class BatchSubscription final : public Subscription {
 public:
  BatchSubscription(std::shared_ptr<Batcher> batcher, std::unique_ptr<Subscription> inner)
      : batcher_(std::move(batcher)), inner_(std::move(inner)) {}
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override;

 private:
  std::shared_ptr<Batcher> batcher_;
  std::unique_ptr<Subscription> inner_;
};

}  // namespace mecha::pubsub
