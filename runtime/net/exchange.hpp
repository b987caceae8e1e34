// Exchange: one request that a server received, and the way to answer it. The same for HTTP/1.1 and HTTP/2.
//
// Lives on the shard of its connection, as long as the handler's coroutine. All calls come from that shard. If the
// handler returns without an answer, the connection (HTTP/2: the stream) is broken off.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "runtime/net/message.hpp"

namespace mecha::net {

struct PeerInfo {
  std::string address;   // "127.0.0.1:4711"; of a Unix socket "@"
  std::string identity;  // URI of the client certificate, empty without one
};

class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const RequestHead& request() const = 0;
  RequestHead& mutable_request() { return const_cast<RequestHead&>(request()); }
  // The body, limited to the server's body limit. The first read sends 100 Continue if the client waits for it.
  virtual BodyReader& body() = 0;
  virtual const PeerInfo& peer() const = 0;

  // The whole answer at once: Content-Length is set from `body` unless the status forbids one; HEAD sends no body.
  virtual Async<void> respond(ResponseHead head, std::string body) = 0;

  // Or in pieces: start, write any number of times (each waits until the piece may leave), finish.
  // Pieces are flushed at once, not collected. Trailers go out over HTTP/2 only.
  virtual Async<void> start(ResponseHead head) = 0;
  virtual Async<void> write(std::string_view piece) = 0;
  virtual Async<void> finish(Headers trailers = {}) = 0;

  // Whether the head of the answer is on its way (then an error can only break it off).
  virtual bool started() const = 0;
  // The status and body bytes of the answer so far, for logs and metrics.
  virtual unsigned status() const = 0;
  virtual std::uint64_t sent_bytes() const = 0;
  virtual std::uint64_t received_bytes() const = 0;
  // Breaks off: the client sees a cut connection or a reset stream, never a complete answer.
  virtual void abort() = 0;
  // Ends the answer now, whatever the handler waits for: with `trailers`, or with `head` alone if nothing was started. Where the
  // client takes nothing any more it is broken off. The client counts as gone from here on, as for on_disconnect.
  virtual void expire(ResponseHead /*head*/, Headers /*trailers*/) { abort(); }
  // Closes the connection after this answer ("Connection: close" over HTTP/1.1).
  virtual void close_after() = 0;
  // Runs `hook` once, on this shard, if the client goes away before the handler has returned. Costs something over
  // HTTP/1.1, so ask only where the handler waits for others. An empty hook takes it back.
  virtual void on_disconnect(std::function<void()> hook) = 0;
  // Cancels the handler's coroutine: what it waits for is given up, and each co_await from then on throws operation_aborted
  // until the state of cancellation is reset.
  virtual void cancel_handler() = 0;
};

using Handler = std::function<asio::awaitable<void>(Exchange&)>;

}  // namespace mecha::net
