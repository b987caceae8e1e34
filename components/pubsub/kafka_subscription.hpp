// One subscription of pubsub.kafka: records of one topic to a handler, in order by key, with retries outside of the loop that
// fetches, and a step forward in the partition only when the work is safe.
//
// Records without a key keep the order of their partition.

#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "components/kafka/consumer.hpp"
#include "components/kafka/retry.hpp"
#include "components/pubsub/lanes.hpp"
#include "components/pubsub/pubsub.hpp"

namespace mecha::pubsub {

class KafkaSubscription final : public Subscription {
 public:
  using Read = std::function<Message(const kafka::Record&)>;

  // `consumer` outlives it. Either handler is empty.
  KafkaSubscription(
      Executor executor, kafka::Consumer& consumer, kafka::Retry retry, Log log, Read read, Handler handler,
      BulkHandler bulk_handler, BulkLimits limits
  );

  Async<void> start(std::string topic);
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override;

 private:
  using Loan = std::shared_ptr<kafka::Loan>;
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace mecha::pubsub
