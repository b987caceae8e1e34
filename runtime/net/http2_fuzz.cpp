// HTTP/2: any bytes after the preface neither break a server nor a client, and both come to an end when the peer does.

#include <cstddef>
#include <cstdint>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "runtime/async/gate.hpp"
#include "runtime/base/check.hpp"
#include "runtime/net/http2.hpp"
#include "tests/echo.hpp"

using namespace mecha;
using namespace mecha::net;

namespace {

asio::awaitable<void> echo(Exchange& exchange) {
  if (exchange.request().method == "HEAD") {
    (void)co_await exchange.respond({.status = 204}, {});
    co_return;
  }
  (void)co_await exchange.start({});
  if (!co_await mecha::testing::echo_body(exchange)) co_return;
  Headers trailers;
  trailers.add("x-end", "1");
  (void)co_await exchange.finish(std::move(trailers));
}

asio::awaitable<void> call(std::shared_ptr<Http2Connection> connection) {
  RequestHead head{.method = "POST", .target = "/", .authority = "a", .scheme = "http", .has_body = true};
  auto opened = co_await connection->open(std::move(head));
  if (!opened) co_return;
  (void)co_await (*opened)->write("body");
  (void)co_await (*opened)->finish_writing();
  const auto answer = co_await (*opened)->head();
  if (!answer) co_return;
  for (;;) {
    const auto piece = co_await (*opened)->read();
    if (!piece || piece->empty()) break;
  }
}

// Everything that can happen without waiting for time; the peer is gone by then.
void settle(asio::io_context& context) {
  context.restart();
  while (context.poll() > 0) {
  }
}

asio::awaitable<void> close(Gate& gate, bool* done) {
  co_await gate.close(std::chrono::seconds(0));
  *done = true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool as_server = data[0] % 2 == 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  asio::io_context context;
  asio::local::stream_protocol::socket ours(context), theirs(context);
  asio::local::connect_pair(ours, theirs);
  Stream stream{Stream::Socket(std::move(ours))};
  const ServerOptions options{.body_bytes_max = 1000, .streams_max = 20};
  const Handler handler = &echo;
  const bool draining = false;
  Gate gate(context.get_executor());
  std::shared_ptr<Http2Connection> connection;
  if (as_server) {
    SessionContext session{
        .options = options,
        .handler = handler,
        .peer = {},
        .draining = draining,
        .on_drain = [](std::function<void(bool)>) {}};
    // The preface, and for some inputs settings too, come as what was read before.
    std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    if (data[0] >= 200) preface += std::string("\0\0\0\4\0\0\0\0\0", 9);
    spawn(gate, context.get_executor(), serve_http2(std::move(stream), std::move(preface), std::move(session)));
  } else {
    connection = Http2Connection::start(std::move(stream), ClientOptions{});
    spawn(gate, context.get_executor(), call(connection));
    spawn(gate, context.get_executor(), call(connection));
  }
  boost::system::error_code ignored;
  theirs.non_blocking(true, ignored);
  theirs.send(asio::buffer(bytes), 0, ignored);
  settle(context);
  theirs.close(ignored);
  settle(context);
  if (connection) MECHA_CHECK(!connection->usable());
  bool done = false;
  asio::co_spawn(context, close(gate, &done), [](std::exception_ptr) {});
  settle(context);
  MECHA_CHECK(done);
  MECHA_CHECK(gate.running() == 0);
  return 0;
}
