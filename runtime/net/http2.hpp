// The two ends of an HTTP/2 connection on nghttp2. Included in .cpp files of runtime/net only: server.cpp, client.cpp.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/cancellation_signal.hpp>

#include "runtime/net/client.hpp"
#include "runtime/net/server.hpp"
#include "runtime/net/stream.hpp"

namespace mecha::net {

// What a server session needs from its server. Lives longer than the session.
struct SessionContext {
  const ServerOptions& options;
  const Handler& handler;
  PeerInfo peer;
  // Set by Server::stop: the session ends when its requests in flight do (GOAWAY, Connection: close).
  const bool& draining;
  // Registers how to wake the session when draining begins or it must break off (`now`); an empty hook takes it back.
  std::function<void(std::function<void(bool now)>)> on_drain;
  // Cancels the coroutine that serves the connection, which over HTTP/1.1 is also that of the handler.
  asio::cancellation_signal* cancel = nullptr;
};

// Serves until the connection ends. `preread` are bytes already taken from the stream (at least the preface's beginning).
asio::awaitable<void> serve_http2(Stream stream, std::string preread, SessionContext context);
// The same after `Upgrade: h2c` of an HTTP/1.1 request: `settings` is HTTP2-Settings decoded from base64url; the request
// becomes stream 1. 101 has been sent.
asio::awaitable<void> serve_http2_upgraded(
    Stream stream, std::string preread, std::string settings, RequestHead first, SessionContext context
);

// A client connection; lives on one shard, owned by the pool and by its calls.
class Http2Connection {
 public:
  // Sends preface and settings and starts the connection's reader and writer.
  static std::shared_ptr<Http2Connection> start(Stream stream, const ClientOptions& options);
  virtual ~Http2Connection() = default;
  // False after GOAWAY, an error, an exhausted stream id space or close().
  virtual bool usable() const = 0;
  virtual std::size_t streams() const = 0;  // calls under way
  virtual std::size_t streams_max() const = 0;  // min(ours, the peer's SETTINGS)
  virtual Async<std::unique_ptr<ClientCall>> open(RequestHead head) = 0;
  // Ends when the last call has; without calls at once.
  virtual void close() = 0;
  // Runs once when the connection is no longer usable.
  virtual void on_closed(std::function<void()> hook) = 0;
  virtual std::chrono::steady_clock::time_point idle_since() const = 0;
};

}  // namespace mecha::net
