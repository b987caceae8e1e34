#include "cli/app_port.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "runtime/async/within.hpp"

namespace mecha::cli {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

constexpr auto kLookOften = 100ms, kLookSeldom = 1000ms;
constexpr auto kOftenFor = 30s;
constexpr auto kSettle = 300ms, kLookElsewhere = 500ms;
constexpr int kLooksElsewhere = 4;
constexpr std::array<std::uint16_t, 3> kDebuggers = {9229, 5678, 5005};  // of Node, Python and Java
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);

tcp::endpoint endpoint_of(const Listener& listener) {
  const bool any = listener.address == "0.0.0.0" || listener.address == "::";
  boost::system::error_code error;
  auto address = any ? asio::ip::address(asio::ip::address_v4::loopback()) : asio::ip::make_address(listener.address, error);
  return {address, listener.port};
}

asio::awaitable<void> copy(tcp::socket& from, tcp::socket& to) {
  std::array<char, 16384> buffer;
  for (;;) {
    const auto [error, size] = co_await from.async_read_some(asio::buffer(buffer), kQuiet);
    if (error) break;
    const auto [failed, written] = co_await asio::async_write(to, asio::buffer(buffer.data(), size), kQuiet);
    if (failed) break;
  }
  boost::system::error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> relay(tcp::socket client, tcp::endpoint target) {
  using namespace asio::experimental::awaitable_operators;
  tcp::socket app(client.get_executor());
  const auto [refused] = co_await app.async_connect(target, kQuiet);
  if (refused) co_return;
  boost::system::error_code ignored;
  for (auto* socket : {&client, &app}) socket->set_option(tcp::no_delay(true), ignored);
  co_await (copy(client, app) && copy(app, client));
}

// Until cancelled; the relays that run end with it.
asio::awaitable<void> pass_on(tcp::acceptor& acceptor, tcp::endpoint target, Gate& relays) {
  for (;;) {
    auto [error, client] = co_await acceptor.async_accept(kQuiet);
    if (error == asio::error::operation_aborted) co_return;
    if (!error) spawn(relays, acceptor.get_executor(), relay(std::move(client), target));
    else if (!co_await sleep_for(kLookOften)) co_return;  // no descriptor is free
  }
}

// An application that opens several ports has a moment to do so.
asio::awaitable<std::vector<Listener>> await_listeners(pid_t group, std::uint16_t told) {
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    auto all = listeners_of_group(group);
    if (const auto* found = choose_listener(all, told); found != nullptr) {
      if (found->port == told || !co_await sleep_for(kSettle)) co_return all;
      co_return listeners_of_group(group);
    }
    const bool often = std::chrono::steady_clock::now() - began < kOftenFor;
    if (!co_await sleep_for(often ? kLookOften : kLookSeldom)) co_return std::vector<Listener>();
  }
}

}  // namespace

const Listener* choose_listener(const std::vector<Listener>& all, std::uint16_t told) {
  const auto same = std::ranges::find(all, told, &Listener::port);
  if (same != all.end()) return &*same;
  const auto other = std::ranges::find_if(all, [](const Listener& l) { return std::ranges::find(kDebuggers, l.port) == kDebuggers.end(); });
  return other == all.end() ? nullptr : &*other;
}

asio::awaitable<void> follow_app_port(pid_t group, std::uint16_t told, std::function<void(std::string)> say) {
  const auto executor = co_await asio::this_coro::executor;
  const auto all = co_await await_listeners(group, told);
  const auto* chosen = choose_listener(all, told);
  if (chosen == nullptr) co_return;
  std::string line = "The application listens on port " + std::to_string(chosen->port) + ".";
  for (const auto& other : all) {
    if (other.port != chosen->port) line = "The application listens on several ports; " + std::to_string(chosen->port) + " is taken for the one to call. Say otherwise with --app-port.";
  }
  if (chosen->port == told && chosen->address != "::1") co_return say(line);
  boost::system::error_code error;
  tcp::acceptor acceptor(executor);
  const tcp::endpoint here(asio::ip::address_v4::loopback(), told);
  acceptor.open(here.protocol(), error);
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  acceptor.bind(here, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) co_return say(line + " Its sidecar cannot reach it: " + error.message() + "\n  remedy: --app-port " + std::to_string(chosen->port));
  say(line);
  Gate relays(executor);
  co_await pass_on(acceptor, endpoint_of(*chosen), relays);
  co_await asio::this_coro::reset_cancellation_state();  // the relays still have to end
  co_await relays.close(0s);
}

asio::awaitable<void> check_app_port(pid_t group, std::uint16_t told, std::function<void(std::string)> say) {
  const auto end = std::chrono::steady_clock::now() + kOftenFor;
  int elsewhere = 0;  // looks in a row at which it listened, but not there
  while (std::chrono::steady_clock::now() < end && co_await sleep_for(kLookElsewhere)) {
    const auto all = listeners_of_group(group);
    const auto* chosen = choose_listener(all, told);
    if (chosen == nullptr) continue;
    if (chosen->port == told) co_return;
    if (++elsewhere < kLooksElsewhere) continue;
    const auto port = std::to_string(chosen->port);
    co_return say(
        "warning: the application listens on port " + port + ", but --app-port says " + std::to_string(told) + ": its sidecar cannot call it\n  remedy: --app-port " + port +
        ", or let the application listen on $APP_PORT"
    );
  }
}

}  // namespace mecha::cli
