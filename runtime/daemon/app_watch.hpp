// AppWatch: waits for the application's port, then watches its health (contract 01, 6.7 and 6.8).

#pragma once

#include <functional>

#include "runtime/app/application.hpp"

namespace mecha {

class AppWatch {
 public:
  explicit AppWatch(Application& application) : application_(application) {}

  // Returns once the port accepts connections; false if cancelled.
  asio::awaitable<bool> wait_for_port();

  // Probes until cancelled. `changed` runs at the first success and at every later change, before the next probe.
  asio::awaitable<void> probe(std::function<asio::awaitable<void>(bool healthy)> changed);

 private:
  asio::awaitable<bool> probe_once();

  Application& application_;
};

}  // namespace mecha
