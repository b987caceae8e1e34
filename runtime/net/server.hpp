// Server: listening sockets, and the HTTP/1.1 and HTTP/2 sessions behind them.
//
// One port takes both protocols: TLS by ALPN, cleartext by the HTTP/2 preface (prior knowledge) or `Upgrade: h2c`.
// Connections are dealt out to the shards in turn and stay there.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/async/shards.hpp"
#include "runtime/net/exchange.hpp"
#include "runtime/net/tls.hpp"

namespace mecha::net {

// A bound and listening socket: ports are taken early, served later. Movable, closes itself.
class Listener {
 public:
  // host: an address, "[::1]", "localhost", or empty for all interfaces (dual stack). Port 0: any free port.
  static Result<Listener> tcp(const std::string& host, std::uint16_t port);
  // Replaces a stale socket file (one that nobody serves); the file is removed by close.
  static Result<Listener> unix_socket(const std::string& path);
  // Takes over a listening descriptor (systemd activation).
  static Result<Listener> adopt(int descriptor);

  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  std::uint16_t port() const { return port_; }
  int descriptor() const { return descriptor_; }
  int release();  // the caller owns the descriptor now

 private:
  Listener() = default;
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
  std::string path_;
};

struct ServerOptions {
  bool http1 = true;
  bool http2 = true;
  std::shared_ptr<TlsContext> tls;             // null: cleartext
  std::size_t header_bytes_max = 8192;         // request line and headers; HTTP/2: the decoded header list
  std::uint64_t body_bytes_max = 4 << 20;      // 0: none
  std::chrono::milliseconds header_timeout{10000};  // to receive the whole head, from its first byte (or from accept)
  std::chrono::milliseconds idle_timeout{0};   // between requests; 0: none
  std::chrono::milliseconds write_timeout{60000};   // a peer that takes no byte of an answer for so long is cut off
  std::size_t connections_max = 16384;         // of this server; more are closed at once
  std::uint32_t streams_max = 1000;            // at a time on one HTTP/2 connection
  // Heads, unread bodies and unsent answers of one HTTP/2 connection; beyond it new streams are refused, and bodies wait at their sender.
  std::size_t held_bytes_max = 256 << 20;
  std::chrono::milliseconds ping_interval{0};  // HTTP/2 keep-alive after so long without traffic; 0: none
  std::chrono::milliseconds ping_timeout{5000};
};

class Server {
 public:
  // `handler` runs once per request, on the request's shard. Nothing is accepted before start().
  Server(Shards& shards, Listener listener, ServerOptions options, Handler handler);
  ~Server();  // after stop()

  std::uint16_t port() const;
  std::size_t connections() const;  // open now, over all shards

  void start();
  // Graceful: accepts no more, idle connections close, requests in flight get `Connection: close` / GOAWAY and up to
  // `grace` to end, then are broken off. Called on shard 0.
  asio::awaitable<void> stop(std::chrono::milliseconds grace);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mecha::net
