// The servers of one application: HTTP API, gRPC API, internal, public and metrics ports. Ports are bound first and
// served later; binding waits a while for a port that is still taken (contract 01, 1.1).

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/app/application.hpp"
#include "runtime/net/server.hpp"

namespace mecha {

// Takes a port. A host that is a name is looked up, again and again for about ten seconds while the resolver fails; of several addresses the
// first of IPv4 counts. Fails with `invalid_argument` if there is no such host, and with `unavailable` otherwise.
Async<net::Listener> listen(std::string host, std::uint16_t port);

// Whether listen() failed for the port, and not for the name: later, or with another port, it may not.
bool is_taken(const Error& error);

// Binds `port` on every address; while it is taken, again and again for ten seconds. One address that fails is only logged; none at all is an
// error.
// `what` names it where one address fails, `server` where none is left.
Async<std::vector<net::Listener>> bind_all(
    const Log& log, std::vector<std::string> addresses, std::uint16_t port, std::string what, std::string server
);

// Some servers that begin and end together.
class Servers {
 public:
  explicit Servers(Shards& shards) : shards_(shards) {}
  void add(net::Listener listener, net::ServerOptions options, net::Handler handler);
  asio::awaitable<void> stop(std::chrono::milliseconds grace);

 private:
  Shards& shards_;
  std::vector<std::unique_ptr<net::Server>> servers_;
};

// Answers every path with the metrics of the application.
net::Handler metrics_handler(Application& application);

}  // namespace mecha
