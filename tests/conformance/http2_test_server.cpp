// A small HTTP server for h2spec and by hand: prints its port, answers every request, echoes POST bodies.
// Usage: mecha_http2_test_server [port] [certificate.pem key.pem]

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include <boost/asio/signal_set.hpp>

#include "runtime/async/gate.hpp"
#include "runtime/net/server.hpp"
#include "tests/echo.hpp"

using namespace mecha;

namespace {

std::string slurp(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

asio::awaitable<void> answer(net::Exchange& exchange) {
  net::ResponseHead head{.status = 200};
  head.headers.add("content-type", "text/plain");
  if (!exchange.request().has_body) {
    (void)co_await exchange.respond(std::move(head), "hello\n");
    co_return;
  }
  const auto started = co_await exchange.start(std::move(head));
  if (!started) co_return;
  if (!co_await mecha::testing::echo_body(exchange)) co_return;
  (void)co_await exchange.finish({});
}

asio::awaitable<void> stop_on_signal(net::Server& server, Shards& shards) {
  asio::signal_set signals(shards.context(0), SIGINT, SIGTERM);
  (void)co_await signals.async_wait(asio::use_awaitable);
  co_await server.stop(std::chrono::seconds(2));
  shards.stop();
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  net::ServerOptions options;
  options.http1 = false;  // what is no HTTP/2 preface is refused, as h2spec expects
  if (argc > 3) {
    auto tls = net::make_tls(net::TlsServerOptions{
        .certificate_pem = slurp(argv[2]), .private_key_pem = Secret(slurp(argv[3]))});
    if (!tls) {
      std::cerr << tls.error().message << "\n";
      return 1;
    }
    options.tls = *std::move(tls);
  }
  auto listener = net::Listener::tcp("127.0.0.1", port);
  if (!listener) {
    std::cerr << listener.error().message << "\n";
    return 1;
  }
  Shards shards(1);
  net::Server server(shards, *std::move(listener), options, &answer);
  server.start();
  Gate gate(shards.executor(0));
  spawn(gate, shards.executor(0), stop_on_signal(server, shards));
  std::printf("%u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  shards.run();
  return 0;
}
