// One subscription of configuration.redis: keyspace events on a connection of its own, which is made anew when it breaks.

#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/configuration/configuration_store.hpp"
#include "components/redis/client.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::configuration {

class RedisSubscription final : public Subscription {
 public:
  // `client` outlives it. Without keys it hears all of the client's database.
  RedisSubscription(Executor executor, redis::Client& client, Log log, std::vector<std::string> keys, Handler handler);

  // Returns when the server has confirmed the subscription.
  Async<void> start();
  asio::awaitable<void> stop() override;

 private:
  Async<void> open();
  asio::awaitable<void> run();
  asio::awaitable<void> listen();
  asio::awaitable<void> beat();
  asio::awaitable<void> changed(std::string key);

  Executor executor_;
  redis::Client& client_;
  const Log log_;
  const std::vector<std::string> keys_;
  const Handler handler_;
  const std::string prefix_;  // of channels, before the key
  std::unique_ptr<redis::Session> session_;
  std::deque<std::string> early_;  // keys whose events came before the last confirmation
  Gate gate_;
  bool stopping_ = false;
};

// "value||version": what stands after a further separator is not looked at.
Item parse_item(std::string_view text);

}  // namespace mecha::configuration
