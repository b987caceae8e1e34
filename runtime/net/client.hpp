// Client: requests to one origin over pooled connections, HTTP/1.1 or HTTP/2.
//
// A Client may be used from every shard; each shard has connections of its own. A call lives on the shard that opened it
// and its methods are called from there; over HTTP/2 one coroutine may write while another reads.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "runtime/async/shards.hpp"
#include "runtime/net/message.hpp"
#include "runtime/net/tls.hpp"

namespace mecha::net {

struct Origin {
  std::string host;         // name or address; IPv6 without brackets
  std::uint16_t port = 0;
  std::string unix_path;    // not empty: dialled instead of host and port
};

struct ClientOptions {
  bool http2 = false;                            // prior knowledge in the clear, ALPN h2 over TLS
  std::shared_ptr<TlsContext> tls;               // null: cleartext
  std::string server_name;                       // of TLS; empty: origin.host
  std::chrono::milliseconds connect_timeout{15000};  // name look-up, TCP and TLS together
  std::chrono::milliseconds idle_timeout{90000};     // an unused connection is closed after it
  std::size_t connections_max = 1024;            // per shard; further calls wait for a free one
  std::size_t idle_max = 64;                     // kept open per shard (HTTP/1.1)
  std::size_t response_header_bytes_max = 65536; // more fails the call
  std::uint32_t streams_per_connection = 2048;   // HTTP/2: another connection is opened beyond
  std::chrono::milliseconds ping_interval{0};    // HTTP/2 keep-alive; 0: none
  std::chrono::milliseconds ping_timeout{5000};
  // HTTP/2: a connection takes no calls any more, whoever ended it. On its shard; before another one is dialled there.
  std::function<void()> on_connection_ended;
};

// One request under way. Destroying it before the end of the answer cancels it: RST_STREAM over HTTP/2, a closed
// connection over HTTP/1.1.
class ClientCall : public BodyReader {
 public:
  // Sends a piece of the request body; waits until the peer's window takes it. Fails once the peer has gone or reset.
  virtual Async<void> write(std::string_view piece) = 0;
  virtual Async<void> finish_writing() = 0;
  // Waits for the head of the answer; 1xx are passed over. Valid as long as the call.
  virtual Async<ResponseHead*> head() = 0;
  // read(): the body of the answer (BodyReader).
  // After the end of the body.
  virtual const Headers& trailers() const = 0;
  virtual void cancel() = 0;
};

struct Response {
  ResponseHead head;
  std::string body;
  Headers trailers;
};

class Client {
 public:
  Client(Shards& shards, Origin origin, ClientOptions options);
  ~Client();  // calls must be gone

  // Opens a call: a pooled connection, or a new one. Sends the head at once; `head.content_length` and `head.has_body`
  // say what body follows (has_body false: nothing is written, finish_writing() is not needed).
  // Errors: unavailable, with the system's words ("dial tcp 127.0.0.1:80: connect: connection refused"), and
  // Failure::never_sent when the request provably did not reach the peer. A request that hits a pooled connection which
  // the peer closed meanwhile is sent again by itself as long as nothing of it was processed.
  Async<std::unique_ptr<ClientCall>> open(RequestHead head);
  // Whether open() finds an HTTP/2 connection that is open and has room, so that it does not wait.
  bool ready() const;

  // Whole request, whole answer, within `limit`; the answer's body at most `body_max` bytes.
  Async<Response> fetch(
      RequestHead head,
      std::string body,
      std::chrono::milliseconds limit,
      std::uint64_t body_max = 64 << 20
  );

  // Closes idle connections now and busy ones when their calls end; new calls get new connections.
  void drop_connections();
  const Origin& origin() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mecha::net
