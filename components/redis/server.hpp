// Server: the connections of one shard to one Redis server. Internal to the driver.

#pragma once

#include <memory>
#include <vector>

#include "components/redis/line.hpp"
#include "components/redis/settings.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::redis {

class Server {
 public:
  // The gate outlives the lines' background work.
  Server(Executor executor, Gate& gate, std::shared_ptr<const Options> options);

  // The connection for the next commands; another is opened when the open ones are crowded.
  Line& pick();
  // The one set apart for commands that keep the server busy.
  Line& slow();

  std::size_t load() const;  // commands that wait for a reply
  const std::shared_ptr<const Options>& options() const { return options_; }
  // Fails what waits, and all later calls.
  void close();

 private:
  std::shared_ptr<Line> make();

  Executor executor_;
  Gate& gate_;
  std::shared_ptr<const Options> options_;
  std::vector<std::shared_ptr<Line>> fast_;
  std::shared_ptr<Line> slow_;
  bool closed_ = false;
};

}  // namespace mecha::redis
