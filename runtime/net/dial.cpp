#include "runtime/net/dial.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/net/look_up.hpp"
#include "runtime/net/system_text.hpp"
#include "runtime/net/tls_context.hpp"
#include "runtime/net/watchdog.hpp"

namespace mecha::net {
namespace {

using namespace std::chrono_literals;
using boost::system::error_code;
using Endpoint = asio::generic::stream_protocol::endpoint;
using Time = std::chrono::steady_clock::time_point;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kShareMin = std::chrono::milliseconds(2000);  // of the time for one of several addresses

Error never_sent(std::string text) {
  return Error{
      .code = Code::unavailable, .message = std::move(text), .failure = Failure::never_sent};
}

std::chrono::milliseconds left_until(Time end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return std::max(left, 1ms);
}

// A look-up cannot be cancelled while the system's resolver works, so it may outlive who waits for it.
struct Lookup {
  explicit Lookup(const Executor& executor) : resolver(executor), timer(executor) {}
  asio::ip::tcp::resolver resolver;
  asio::steady_timer timer;
  error_code error = asio::error::timed_out;
  std::vector<asio::ip::tcp::endpoint> found;
};

Async<std::vector<asio::ip::tcp::endpoint>> look_up(std::string host, std::uint16_t port, Time end) {
  auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  lookup->timer.expires_at(end);
  lookup->resolver.async_resolve(
      host, std::to_string(port),
      [lookup](const error_code& error, const asio::ip::tcp::resolver::results_type& results) {
        lookup->error = error;
        for (const auto& entry : results) lookup->found.push_back(entry.endpoint());
        lookup->timer.cancel();
      }
  );
  co_await lookup->timer.async_wait(use_tuple);
  if (!lookup->found.empty()) co_return std::move(lookup->found);
  const auto start = "dial tcp: lookup " + host + ": ";
  if (lookup->error == asio::error::timed_out) co_return fail(never_sent(start + "i/o timeout"));
  const bool absent = lookup->error == asio::error::host_not_found ||
                      lookup->error == asio::error::no_data || !lookup->error;
  co_return fail(never_sent(start + (absent ? "no such host" : system_text(lookup->error))));
}

// Families in turn, beginning with the one that the resolver put first.
std::vector<Endpoint> in_turn(const std::vector<asio::ip::tcp::endpoint>& found) {
  std::vector<Endpoint> first, second, mixed;
  const bool v4 = !found.empty() && found.front().address().is_v4();
  for (const auto& endpoint : found) {
    (endpoint.address().is_v4() == v4 ? first : second).emplace_back(endpoint);
  }
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

Async<std::vector<Endpoint>> resolve(const Origin& origin, Time end) {
  if (!origin.unix_path.empty()) {
    if (origin.unix_path.size() > 107) {
      co_return fail(never_sent("dial unix " + origin.unix_path + ": the path is too long"));
    }
    co_return std::vector{Endpoint(asio::local::stream_protocol::endpoint(origin.unix_path))};
  }
  error_code error;
  const auto address = asio::ip::make_address(origin.host, error);
  if (!error) co_return std::vector{Endpoint(asio::ip::tcp::endpoint(address, origin.port))};
  if (origin.host == "localhost") {
    co_return std::vector{
        Endpoint(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), origin.port)),
        Endpoint(asio::ip::tcp::endpoint(asio::ip::address_v6::loopback(), origin.port))};
  }
  MECHA_CO_TRY(const auto found, co_await look_up(origin.host, origin.port, end));
  co_return in_turn(found);
}

Async<Stream::Socket> connect(Endpoint endpoint, std::string name, std::chrono::milliseconds limit) {
  Stream::Socket socket(co_await asio::this_coro::executor);
  error_code error;
  socket.open(endpoint.protocol(), error);
  if (error) co_return fail(never_sent("dial " + name + ": socket: " + system_text(error)));
  Watchdog watchdog(socket.get_executor(), [&socket] {
    error_code ignored;
    socket.close(ignored);
  });
  watchdog.set(limit);
  std::tie(error) = co_await socket.async_connect(endpoint, use_tuple);
  if (watchdog.expired()) co_return fail(never_sent("dial " + name + ": i/o timeout"));
  if (error) co_return fail(never_sent("dial " + name + ": connect: " + system_text(error)));
  if (endpoint.data()->sa_family != AF_UNIX) socket.set_option(asio::ip::tcp::no_delay(true), error);
  co_return std::move(socket);
}

Async<Stream> secure(
    Stream::Socket socket, const std::string& host, const ClientOptions& options,
    std::chrono::milliseconds limit
) {
  auto tls = std::make_unique<Stream::Tls>(std::move(socket), options.tls->context);
  auto prepared = prepare_client(tls->native_handle(), *options.tls, host);
  if (!prepared) co_return fail(never_sent(std::move(prepared).error().message));
  Watchdog watchdog(co_await asio::this_coro::executor, [raw = tls.get()] {
    error_code ignored;
    raw->next_layer().close(ignored);
  });
  watchdog.set(limit);
  const auto [error] = co_await tls->async_handshake(Stream::Tls::client, use_tuple);
  if (watchdog.expired()) co_return fail(never_sent("net/http: TLS handshake timeout"));
  if (error) co_return fail(never_sent(handshake_text(tls->native_handle(), *options.tls, error)));
  Stream stream(std::move(tls));
  if (options.http2 && stream.alpn() != "h2") {
    co_return fail(never_sent("http2: unexpected ALPN protocol \"" + stream.alpn() + "\"; want \"h2\""));
  }
  co_return std::move(stream);
}

}  // namespace

Async<Stream> start_tls(Stream::Socket socket, std::string host, std::shared_ptr<TlsContext> tls, std::chrono::milliseconds limit) {
  const ClientOptions options{.tls = std::move(tls)};
  co_return co_await secure(std::move(socket), host, options, limit);
}

Async<Stream> dial(const Origin& origin, const ClientOptions& options) {
  const auto end = std::chrono::steady_clock::now() + options.connect_timeout;
  MECHA_CO_TRY(const auto endpoints, co_await resolve(origin, end));
  std::optional<Error> first;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto left = left_until(end);
    const auto share = left / static_cast<int>(endpoints.size() - i);
    const auto name = origin.unix_path.empty() ? "tcp " + endpoint_text(endpoints[i])
                                               : "unix " + origin.unix_path;
    auto socket =
        co_await connect(endpoints[i], name, std::min(left, std::max(share, kShareMin)));
    if (!socket) {
      if (!first) first = std::move(socket).error();
      if (std::chrono::steady_clock::now() >= end) break;
      continue;
    }
    if (!options.tls) co_return Stream(*std::move(socket));
    const auto host = options.server_name.empty() ? origin.host : options.server_name;
    co_return co_await secure(*std::move(socket), host, options, left_until(end));
  }
  co_return fail(first ? *std::move(first) : never_sent("dial tcp: no addresses"));
}

Async<std::vector<std::string>> look_up(std::string host, std::chrono::milliseconds limit) {
  const Origin origin{.host = std::move(host), .port = 0, .unix_path = {}};
  MECHA_CO_TRY(const auto endpoints, co_await resolve(origin, std::chrono::steady_clock::now() + limit));
  std::vector<std::string> addresses;
  for (const auto& endpoint : endpoints) {
    asio::ip::tcp::endpoint tcp;
    std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
    addresses.push_back(tcp.address().to_string());
  }
  co_return addresses;
}

}  // namespace mecha::net
