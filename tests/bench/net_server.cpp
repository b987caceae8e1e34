// A constant answer of 1 KiB over our Server: what the network core costs without anything behind it.
// Usage: mecha_net_server [port] [shards]

#include <cstdio>
#include <cstdlib>

#include "runtime/net/server.hpp"

namespace {

using namespace mecha;

asio::awaitable<void> answer(net::Exchange& exchange) {
  net::ResponseHead head;
  head.headers.add("content-type", "text/plain");
  const auto sent = co_await exchange.respond(std::move(head), std::string(1024, 'x'));
  if (!sent) exchange.abort();
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  Shards shards(argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : 1);
  auto listener = net::Listener::tcp("127.0.0.1", port);
  if (!listener) {
    std::fprintf(stderr, "%s\n", listener.error().message.c_str());
    return 1;
  }
  net::Server server(shards, *std::move(listener), {}, answer);
  std::printf("%u\n", server.port());
  std::fflush(stdout);
  server.start();
  shards.run();
}
