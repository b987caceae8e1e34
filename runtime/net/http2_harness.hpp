// Two ends of an HTTP/2 connection over a socket pair, for tests. Included in .cpp files of runtime/net only.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "runtime/async/gate.hpp"
#include "runtime/net/http2.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::net::testing {

inline std::pair<Stream, Stream> make_pair(asio::io_context& context) {
  asio::local::stream_protocol::socket a(context), b(context);
  asio::local::connect_pair(a, b);
  return {Stream(Stream::Socket(std::move(a))), Stream(Stream::Socket(std::move(b)))};
}

struct Http2Pair {
  explicit Http2Pair(Handler with, ServerOptions options_ = {}, ClientOptions client_options = {})
      : handler(std::move(with)), options(std::move(options_)), gate(context.get_executor()) {
    auto [server_end, client_end] = make_pair(context);
    serve(std::move(server_end));
    client = Http2Connection::start(std::move(client_end), client_options);
  }
  // Only the server; the test speaks for itself at the other end.
  Http2Pair(Handler with, ServerOptions options_, std::unique_ptr<Stream>* other)
      : handler(std::move(with)), options(std::move(options_)), gate(context.get_executor()) {
    auto [server_end, client_end] = make_pair(context);
    serve(std::move(server_end));
    *other = std::make_unique<Stream>(std::move(client_end));
  }
  ~Http2Pair() {
    if (client) client->close();
    client.reset();
    mecha::testing::run(context, stop());
  }

  void serve(Stream stream) {
    SessionContext session{
        .options = options,
        .handler = handler,
        .peer = {.address = "@", .identity = {}},
        .draining = draining,
        .on_drain = [this](std::function<void(bool)> hook) { drain = std::move(hook); }};
    spawn(gate, context.get_executor(), serve_http2(std::move(stream), {}, std::move(session)));
  }
  asio::awaitable<void> stop() { co_await gate.close(std::chrono::seconds(2)); }

  template <class T>
  T run(asio::awaitable<T> work) {
    return mecha::testing::run(context, std::move(work));
  }

  asio::io_context context;
  Handler handler;
  ServerOptions options;
  bool draining = false;
  std::function<void(bool)> drain;
  Gate gate;
  std::shared_ptr<Http2Connection> client;
};

inline RequestHead get(std::string target) {
  return {.method = "GET", .target = std::move(target), .authority = "test"};
}
inline RequestHead post(std::string target) {
  return {.method = "POST", .target = std::move(target), .authority = "test", .has_body = true};
}

}  // namespace mecha::net::testing
