#include "runtime/daemon/listeners.hpp"

#include "runtime/async/within.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

constexpr auto kBindLimit = 10s;
constexpr auto kFirstPause = 100ms;
constexpr auto kLongestPause = 500ms;

}  // namespace

Async<std::vector<net::Listener>> bind_all(
    const Log& log, std::vector<std::string> addresses, std::uint16_t port, std::string what
) {
  std::vector<net::Listener> bound;
  std::string problem;
  for (const auto& address : addresses) {
    const auto end = std::chrono::steady_clock::now() + kBindLimit;
    auto pause = std::chrono::milliseconds(kFirstPause);
    for (;;) {
      auto listener = net::Listener::tcp(address, port);
      if (listener) {
        bound.push_back(std::move(*listener));
        break;
      }
      problem = listener.error().message;
      if (std::chrono::steady_clock::now() + pause > end || !co_await sleep_for(pause)) {
        log.error("Failed to listen for " + what + " on " + address + ":" + std::to_string(port) + ": " + problem);
        break;
      }
      pause = std::min(pause * 3 / 2, std::chrono::milliseconds(kLongestPause));
    }
  }
  if (bound.empty()) {
    co_return fail(Code::unavailable, "could not listen on any endpoint for the " + what + ": " + problem);
  }
  co_return bound;
}

void Servers::add(net::Listener listener, net::ServerOptions options, net::Handler handler) {
  servers_.push_back(
      std::make_unique<net::Server>(shards_, std::move(listener), std::move(options), std::move(handler))
  );
  servers_.back()->start();
}

asio::awaitable<void> Servers::stop(std::chrono::milliseconds grace) {
  for (auto& server : servers_) co_await server->stop(grace);
  servers_.clear();
}

net::Handler metrics_handler(Application& application) {
  return [&application](net::Exchange& exchange) -> asio::awaitable<void> {
    net::ResponseHead head{.status = 200};
    head.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    (void)co_await exchange.respond(std::move(head), application.metrics->text());
  };
}

}  // namespace mecha
