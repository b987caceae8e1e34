// Client: memcached servers as the store sees them (contract 02, section 2.7). Each shard keeps a few connections to each
// server. A key belongs to the server that the CRC-32 of the key names, as for the client of the reference.
//
// Commands that go out on a connection which idled are sent once more when it turns out closed before any answer: each of
// them means the same when done twice. Errors name the server.
// Threads: from any shard. close() before the end, on shard 0, while the shards run.

#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "components/memcached/protocol.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/shards.hpp"
#include "runtime/net/client.hpp"

namespace mecha::memcached {

struct Options {
  std::vector<net::Origin> servers;  // at least one
  std::chrono::milliseconds timeout{1000};  // of one exchange, the way to a connection included
  std::size_t idle_max = 2;  // connections kept per server and shard
};

// "host:port", or the path of a Unix socket, which has a slash.
Result<net::Origin> parse_server(std::string_view text);

class Client {
 public:
  Client(Shards& shards, Options options);
  ~Client();

  // Asks every server for its version.
  Async<void> ping();
  // An answer for each command; commands of one server keep their order.
  Async<std::vector<Answer>> run(std::vector<Command> commands);
  asio::awaitable<void> close();

 private:
  struct Connection;
  struct Exchange;
  struct Server;
  struct Lease;
  struct Shard;

  static Async<void> talk(std::shared_ptr<Connection> connection, std::shared_ptr<Exchange> work);
  static Async<void> exchange(std::shared_ptr<Server> server, std::shared_ptr<Exchange> work);
  static Async<void> run_on(std::shared_ptr<Server> server, std::shared_ptr<Exchange> work);
  std::size_t server_of(std::string_view key) const;
  Shard& shard();

  Shards& shards_;
  std::shared_ptr<const Options> options_;
  std::vector<std::unique_ptr<Shard>> per_shard_;
};

}  // namespace mecha::memcached
