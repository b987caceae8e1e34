// Consumer: receives the messages of one queue over a channel of its own, runs a handler for each and tells the server
// what became of it. After a failure it connects again, for as long as it lives.
//
// Lives on one shard. A message is acknowledged after its handler said so, never before; what is not settled when the
// channel goes comes again from the server.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "components/component.hpp"
#include "components/rabbitmq/channel.hpp"
#include "runtime/async/lanes.hpp"

namespace mecha::rabbitmq {

enum class Settle : std::uint8_t { acknowledge, discard, requeue, leave };
using DeliveryHandler = std::function<asio::awaitable<Settle>(Delivery)>;

struct ConsumerOptions {
  std::string queue, tag;
  bool auto_acknowledge = false;
  bool exclusive = false;
  std::uint16_t prefetch = 0;  // 0: no limit at the server
  std::size_t parallel = 1;    // handlers at once
  std::chrono::milliseconds reconnect_pause{3000};
  std::function<Async<void>(std::shared_ptr<Channel>)> prepare;  // declares the queue, on each new channel
};

class Consumer {
 public:
  Consumer(Executor executor, std::shared_ptr<const Options> options, ConsumerOptions how, Log log, DeliveryHandler handler);

  // Returns when the server has accepted the consumer; fails with the last error when it has not within `limit`, and then
  // the consumer is stopped.
  Async<void> start(std::chrono::milliseconds limit);
  // As Subscription::stop().
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace);

 private:
  Async<void> wait_until_ready();
  asio::awaitable<void> run();
  Async<void> receive();
  asio::awaitable<void> handle(std::shared_ptr<Channel> channel, std::shared_ptr<Delivery> delivery);

  Executor executor_;
  std::shared_ptr<const Options> options_;
  const ConsumerOptions how_;
  const Log log_;
  const DeliveryHandler handler_;
  Gate gate_;
  Lanes lanes_;
  std::shared_ptr<Channel> channel_;
  Event ready_;
  std::optional<Error> failed_;
  bool stopping_ = false;
};

}  // namespace mecha::rabbitmq
