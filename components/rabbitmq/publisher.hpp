// Publisher: sends messages over a channel of its own, which it opens when one is needed.
//
// Lives on one shard. A message whose channel broke before it was confirmed is sent again, so it may arrive twice. close()
// comes before its end.

#pragma once

#include <functional>
#include <optional>
#include <string>

#include "components/rabbitmq/channel.hpp"

namespace mecha::rabbitmq {

struct PublisherOptions {
  bool confirm = false;  // wait for the server's word; otherwise for the bytes to leave
  int attempts = 1;
  std::chrono::milliseconds pause{2000};           // before the next attempt
  std::chrono::milliseconds reconnect_pause{3000}; // the same where no channel could be had
  std::function<Async<void>(std::shared_ptr<Channel>)> prepare;  // run on each new channel; may be empty
};

struct Outgoing {
  std::optional<Writer> before;  // sent just before the message, without an answer
  std::string exchange, routing_key;
  Properties properties;
  std::string body;
};

class Publisher {
 public:
  Publisher(Executor executor, std::shared_ptr<const Options> options, PublisherOptions how);

  // Opens the channel, if it is not open.
  Async<void> connect();
  Async<void> publish(Outgoing message);
  asio::awaitable<void> close();

 private:
  Async<std::shared_ptr<Channel>> channel();
  asio::awaitable<void> reopen();
  Async<void> publish_once(const Outgoing& message, bool& had_channel);

  Executor executor_;
  std::shared_ptr<const Options> options_;
  const PublisherOptions how_;
  Gate gate_;
  std::shared_ptr<Channel> channel_;
  bool opening_ = false, closed_ = false;
  std::optional<Error> failed_;  // of the last opening
  Event opened_;
};

}  // namespace mecha::rabbitmq
