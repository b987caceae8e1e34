// One subscription of configuration.postgresql: notifications of a channel on a connection of its own, which is made anew when
// it breaks.

#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "components/configuration/configuration_store.hpp"
#include "components/postgresql/connection.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::configuration {

class PostgresSubscription final : public Subscription {
 public:
  // Without keys it hears of every one.
  PostgresSubscription(
      Executor executor, std::shared_ptr<const postgresql::Options> options, Log log, std::string channel, std::set<std::string> keys, Handler handler
  );

  // Returns when the server has taken the LISTEN.
  Async<void> start();
  asio::awaitable<void> stop() override;

 private:
  Async<void> open();
  asio::awaitable<void> run();
  asio::awaitable<void> listen();

  Executor executor_;
  const std::shared_ptr<const postgresql::Options> options_;
  const Log log_;
  const std::string channel_;
  const std::set<std::string> keys_;
  const Handler handler_;
  std::unique_ptr<postgresql::Connection> connection_;
  Gate gate_;
  bool stopping_ = false;
};

// {"table":..,"action":..,"data":{the row}}: key and item of the row, or nothing if that is not what it is.
std::optional<std::pair<std::string, Item>> parse_notification(std::string_view payload);
// The words of a column `metadata`: an object.
Metadata parse_metadata(std::string_view json);

}  // namespace mecha::configuration
