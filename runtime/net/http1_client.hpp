// The client's end of HTTP/1.1: a pool of connections per shard, and calls that use one each. Internal to runtime/net.

#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "runtime/net/client.hpp"
#include "runtime/net/http1_parser.hpp"
#include "runtime/net/inbox.hpp"
#include "runtime/net/outbox.hpp"
#include "runtime/net/stream.hpp"

namespace mecha::net {

// What all pools of one client share. `generation` grows with drop_connections(); older connections are not used again.
struct ClientSettings {
  Origin origin;
  ClientOptions options;
  std::string host;  // Host field where the request has no authority
  std::atomic<std::uint64_t> generation = 0;
};

struct Http1Connection {
  Http1Connection(Stream s, std::size_t head_max)
      : stream(std::move(s)),
        parser(Http1Parser::Role::response, head_max),
        outbox(stream, std::chrono::milliseconds(0)) {}

  Stream stream;
  Http1Parser parser;
  Inbox inbox;
  Outbox outbox;
  bool reused = false;
  std::uint64_t generation = 0;
  std::chrono::steady_clock::time_point idle_since;
};

// Lives on one shard.
class Http1Pool : public std::enable_shared_from_this<Http1Pool> {
 public:
  Http1Pool(Executor executor, std::shared_ptr<ClientSettings> settings);

  Async<std::unique_ptr<ClientCall>> open(RequestHead head);

  // For calls. `fresh`: none that was used before.
  Async<std::unique_ptr<Http1Connection>> acquire(bool fresh);
  void give_back(std::unique_ptr<Http1Connection> connection);
  void discard(std::unique_ptr<Http1Connection> connection);
  void drop_idle();
  const ClientSettings& settings() const { return *settings_; }

 private:
  struct Slot;
  std::unique_ptr<Http1Connection> take_idle();
  void release_slot();
  void wake_one();
  void arm();
  void expire();

  Executor executor_;
  std::shared_ptr<ClientSettings> settings_;
  std::vector<std::unique_ptr<Http1Connection>> idle_;  // the one used last is at the end
  std::deque<std::shared_ptr<asio::steady_timer>> waiters_;
  std::size_t open_ = 0;  // idle and busy ones, and those being dialled
  asio::steady_timer timer_;
  bool armed_ = false;
};

std::unique_ptr<ClientCall> make_http1_call(
    std::shared_ptr<Http1Pool> pool, std::unique_ptr<Http1Connection> connection, RequestHead head
);
// Writes the head of a call that has just been made.
Async<void> begin_http1_call(ClientCall& call);

}  // namespace mecha::net
