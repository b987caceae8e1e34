// A scripted HTTP server on a thread of its own: answers by method and target, and keeps what it saw.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>

#include "runtime/base/text.hpp"
#include "runtime/net/server.hpp"

namespace mecha::fakes {

class HttpServer {
 public:
  struct Seen {
    std::string line;  // "GET /v1/x?y=z"
    std::map<std::string, std::string> headers;
    std::string body;
  };
  struct Answer {
    unsigned status = 200;
    std::string body;
    std::string location = {};
  };
  using Routes = std::map<std::string, Answer>;  // by line; all else is 404 with an empty body

  explicit HttpServer(Routes routes, std::shared_ptr<net::TlsContext> tls = nullptr)
      : routes_(std::move(routes)),
        server_(shards_, net::Listener::tcp("127.0.0.1", 0).value(), {.tls = std::move(tls)}, [this](net::Exchange& e) {
          return serve(e);
        }) {
    server_.start();
    thread_ = std::thread([this] { shards_.run(); });
  }
  ~HttpServer() {
    asio::co_spawn(shards_.executor(0), server_.stop(std::chrono::milliseconds(0)), [this](std::exception_ptr) {
      shards_.stop();
    });
    thread_.join();
  }

  std::uint16_t port() const { return server_.port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
  std::vector<Seen> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  void route(const std::string& line, Answer answer) {
    const std::lock_guard lock(mutex_);
    routes_[line] = std::move(answer);
  }

 private:
  asio::awaitable<void> serve(net::Exchange& exchange) {
    const auto& head = exchange.request();
    Seen request{.line = head.method + " " + head.target, .headers = {}, .body = {}};
    for (const auto& [name, value] : head.headers) request.headers[text::lower(name)] = value;
    if (auto body = co_await net::read_all(exchange.body())) request.body = *std::move(body);
    Answer answer{.status = 404, .body = {}};
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = routes_.find(request.line); found != routes_.end()) answer = found->second;
      seen_.push_back(std::move(request));
    }
    net::ResponseHead response;
    response.status = answer.status;
    if (!answer.location.empty()) response.headers.add("Location", answer.location);
    (void)co_await exchange.respond(std::move(response), std::move(answer.body));
  }

  std::mutex mutex_;
  Routes routes_;
  std::vector<Seen> seen_;
  Shards shards_{1};
  net::Server server_;
  std::thread thread_;
};

}  // namespace mecha::fakes
