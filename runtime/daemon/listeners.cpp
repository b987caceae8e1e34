#include "runtime/daemon/listeners.hpp"

#include <algorithm>
#include <string_view>

#include "runtime/async/within.hpp"
#include "runtime/net/gzip.hpp"
#include "runtime/net/look_up.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

constexpr auto kBindLimit = 10s;
constexpr auto kLookUpLimit = 5s;
constexpr std::string_view kDial = "dial ";
constexpr auto kFirstPause = 100ms;
constexpr auto kLongestPause = 500ms;
constexpr std::string_view kAbsent = "no such host";

// A resolver may not be there yet when the machine has just started.
Async<std::vector<std::string>> look_up_patiently(std::string host) {
  const auto end = std::chrono::steady_clock::now() + kBindLimit;
  auto pause = std::chrono::milliseconds(kFirstPause);
  for (;;) {
    auto found = co_await net::look_up(host, kLookUpLimit);
    if (found || found.error().message.ends_with(kAbsent)) co_return std::move(found);
    if (std::chrono::steady_clock::now() + pause > end || !co_await sleep_for(pause)) co_return std::move(found);
    pause = std::min(pause * 3 / 2, std::chrono::milliseconds(kLongestPause));
  }
}

}  // namespace

bool is_taken(const Error& error) { return error.code == Code::unavailable && error.failure != Failure::never_sent; }

Async<net::Listener> listen(std::string host, std::uint16_t port) {
  auto listener = net::Listener::tcp(host, port);
  if (listener || listener.error().code != Code::invalid_argument) co_return std::move(listener);
  const auto found = co_await look_up_patiently(host);
  if (!found) {
    auto error = found.error();
    if (error.message.starts_with(kDial)) error.message.erase(0, kDial.size());
    error.message.insert(0, "listen ");
    if (error.message.ends_with(kAbsent)) error.code = Code::invalid_argument;
    co_return fail(std::move(error));
  }
  const auto fourth = std::ranges::find_if(*found, [](const std::string& address) { return !address.contains(':'); });
  co_return net::Listener::tcp(fourth == found->end() ? found->front() : *fourth, port);
}

Async<std::vector<net::Listener>> bind_all(
    const Log& log, std::vector<std::string> addresses, std::uint16_t port, std::string what, std::string server
) {
  std::vector<net::Listener> bound;
  std::string problem;
  for (const auto& address : addresses) {
    const auto end = std::chrono::steady_clock::now() + kBindLimit;
    auto pause = std::chrono::milliseconds(kFirstPause);
    for (;;) {
      auto listener = co_await listen(address, port);
      if (listener) {
        bound.push_back(std::move(*listener));
        break;
      }
      problem = listener.error().message;
      const bool may_pass = is_taken(listener.error());
      if (!may_pass || std::chrono::steady_clock::now() + pause > end || !co_await sleep_for(pause)) {
        log.error("Failed to listen for " + what + " on TCP address " + address + ":" + std::to_string(port) + " with error: " + problem);
        break;
      }
      pause = std::min(pause * 3 / 2, std::chrono::milliseconds(kLongestPause));
    }
  }
  if (bound.empty()) {
    co_return fail(Code::unavailable, "failed to start " + server + ": could not listen on any endpoint: " + problem);
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
    auto text = application.metrics->text();
    if (net::prefers_gzip(exchange.request().headers)) {
      head.headers.add("Content-Encoding", "gzip");
      text = net::gzip(text);
    }
    (void)co_await exchange.respond(std::move(head), std::move(text));
  };
}

}  // namespace mecha
