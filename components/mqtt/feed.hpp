// Feed: one subscription of a client, which may live on another shard than the client. Runs a handler for each message and
// tells the client what became of it.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "components/mqtt/client.hpp"
#include "runtime/async/lanes.hpp"

namespace mecha::mqtt {

// True: handled, to be acknowledged.
using MessageHandler = std::function<asio::awaitable<bool>(PublishPacket)>;

class Feed {
 public:
  // `home` is the client's shard, `executor` the one of the handlers.
  Feed(Executor executor, Executor home, std::shared_ptr<Client> client, std::string filter, MessageHandler handler);

  Async<void> start(std::uint8_t qos);
  // Ends within `grace`, then cancels what runs. With `forget` the broker forgets the subscription.
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace, bool forget);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mecha::mqtt
