// A Redis server of a few lines, for the tests of the driver.

#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "components/redis/parser.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::redis {

using namespace std::chrono_literals;
using asio::ip::tcp;

inline constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
using Words = std::vector<std::string>;

// Answers with the bytes that `answer` makes of a command: empty, nothing comes; no value, the connection is closed.
class FakeServer {
 public:
  using Script = std::function<std::optional<std::string>(const Words&)>;

  FakeServer(Executor executor, Script script)
      : answer(std::move(script)), executor_(executor), acceptor_(executor, {tcp::v4(), 0}), gate_(executor) {
    spawn(gate_, executor_, accept());
  }

  asio::awaitable<void> close() {
    acceptor_.close();
    co_await gate_.close(0s);
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  Script answer;
  int connections = 0;
  std::vector<Words> seen;

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(use_tuple);
      if (error) co_return;
      ++connections;
      spawn(gate_, executor_, serve(std::move(socket)));
    }
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    Parser parser;
    std::array<char, 4096> buffer;
    for (;;) {
      const auto [error, size] = co_await socket.async_read_some(asio::buffer(buffer), use_tuple);
      if (error) co_return;
      parser.feed({buffer.data(), size});
      for (auto command = parser.next(); command && *command; command = parser.next()) {
        Words words;
        for (const auto& item : (*command)->items) words.push_back(item.text);
        seen.push_back(words);
        const auto text = answer(words);
        if (!text) co_return;
        co_await asio::async_write(socket, asio::buffer(*text), use_tuple);
      }
    }
  }

  Executor executor_;
  tcp::acceptor acceptor_;
  Gate gate_;
};

}  // namespace mecha::redis
