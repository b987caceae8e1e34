// One subscription of configuration.redis: keyspace events on a connection of its own, which is made anew when it breaks.
// Servers of a cluster tell only of their own keys: there is one connection to each that has one, and all are made anew when
// the keys have moved.

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/configuration/configuration_store.hpp"
#include "components/redis/client.hpp"
#include "runtime/async/event.hpp"
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
  // The connection to one server.
  struct Ear {
    std::unique_ptr<redis::Session> session;
    std::deque<std::string> early;  // keys whose events came before the last confirmation
  };
  using Places = std::map<std::string, std::vector<std::string>>;  // channels by server

  Async<Places> places();
  Async<void> open();
  Async<std::shared_ptr<Ear>> open_one(std::string server, std::vector<std::string> channels);
  asio::awaitable<void> run();
  asio::awaitable<void> listen();
  asio::awaitable<void> listen_to(std::shared_ptr<Ear> ear);
  asio::awaitable<void> beat();
  asio::awaitable<void> watch_places();
  void close_all();
  asio::awaitable<void> changed(std::string key);

  Executor executor_;
  redis::Client& client_;
  const Log log_;
  const std::vector<std::string> keys_;
  const Handler handler_;
  const std::string prefix_;  // of channels, before the key
  Places places_;
  std::vector<std::shared_ptr<Ear>> ears_;
  Semaphore turn_;  // the handler runs once at a time
  Gate gate_;
  bool stopping_ = false;
};

// "value||version": what stands after a further separator is not looked at.
Item parse_item(std::string_view text);

}  // namespace mecha::configuration
