#include "runtime/net/http1_server.hpp"

#include <chrono>
#include <optional>

#include <boost/asio/as_tuple.hpp>

#include "runtime/base/text.hpp"
#include "runtime/net/http1_exchange.hpp"

namespace mecha::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kDrainMax = 256 * 1024;
constexpr std::size_t kFirstRead = 4096;
constexpr std::size_t kIdleMemory = 16 * 1024;

class Http1Session {
 public:
  Http1Session(Stream stream, std::string_view preread, SessionContext context, const Executor& executor)
      : wire_(std::move(stream), std::move(context), executor) {
    wire_.inbox.put(preread);
    wire_.context.on_drain([this](bool now) {
      if (now || idle_) wire_.stream.close();
    });
  }
  ~Http1Session() { wire_.context.on_drain(nullptr); }

  // Serves requests; true: the connection changes to HTTP/2 now.
  asio::awaitable<bool> run();

  Http1Wire wire_;
  std::string settings_;  // HTTP2-Settings of the request that asked for the upgrade

 private:
  enum class Head : std::uint8_t { ready, none };
  asio::awaitable<Head> next_head();
  asio::awaitable<void> refuse(Error error);
  asio::awaitable<bool> drain(std::uint64_t read);
  asio::awaitable<void> linger();
  bool wants_http2();

  bool idle_ = false;
  bool first_ = true;
};

asio::awaitable<Http1Session::Head> Http1Session::next_head() {
  const auto& options = wire_.context.options;
  auto& inbox = wire_.inbox;
  wire_.parser.reset();
  bool timing = false;
  for (;;) {
    // One empty line before a request is forgiven (RFC 9112, 2.2).
    if (inbox.data().starts_with("\r\n")) inbox.consume(2);
    if (!inbox.empty()) {
      auto used = wire_.parser.request_head(inbox.data(), wire_.request, wire_.facts);
      if (!used) {
        co_await refuse(std::move(used).error());
        co_return Head::none;
      }
      if (*used > 0) {
        inbox.consume(*used);
        wire_.watchdog.clear();
        idle_ = first_ = false;
        co_return Head::ready;
      }
    }
    idle_ = inbox.empty();
    if (idle_ && wire_.context.draining) co_return Head::none;
    if (idle_ && !first_) {
      if (options.idle_timeout.count() != 0) {
        wire_.watchdog.set(options.idle_timeout);
        timing = true;
      }
      inbox.shrink(kIdleMemory);
    } else if (!timing || first_) {
      wire_.watchdog.set(options.header_timeout);
      timing = true;
    }
    first_ = first_ && idle_;
    const auto space = inbox.room(kFirstRead, options.header_bytes_max + kFirstRead);
    const auto count = co_await wire_.stream.read_some(space.data(), space.size());
    if (!count || *count == 0) co_return Head::none;
    if (idle_ && !first_) timing = false;  // from the head's first byte on, its own limit holds
    idle_ = false;
    inbox.commit(*count);
  }
}

// As the reference does it: no Date, no length, and the connection goes.
asio::awaitable<void> Http1Session::refuse(Error error) {
  const auto status = error.http_status != 0 ? error.http_status : 400;
  auto& out = wire_.outbox.pending();
  if (status == 400) {
    out.append("HTTP/1.1 ").append(error.message).append("\r\n");
  } else {
    append_status_line(out, status);
  }
  out.append("Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
  const auto sent = co_await wire_.outbox.send(error.message);
  if (sent) co_await linger();
}

// Closes so that the client can read what was sent: with unread bytes a plain close is a reset.
asio::awaitable<void> Http1Session::linger() {
  wire_.watchdog.set(500ms);
  boost::system::error_code ignored;
  wire_.stream.socket().shutdown(Stream::Socket::shutdown_send, ignored);
  std::string sink(16 * 1024, '\0');
  for (;;) {
    // Of TLS too the raw bytes are enough: nobody reads them.
    const auto [error, count] = co_await wire_.stream.socket().async_read_some(
        asio::buffer(sink), asio::as_tuple(asio::use_awaitable)
    );
    if (error) co_return;
  }
}

asio::awaitable<bool> Http1Session::drain(std::uint64_t read) {
  const auto end = read + kDrainMax;
  wire_.watchdog.set(wire_.context.options.header_timeout);
  while (!wire_.parser.complete() && read < end) {
    if (!wire_.inbox.empty()) {
      const auto step = wire_.parser.body(wire_.inbox.data());
      if (!step) co_return false;
      wire_.inbox.consume(step->consumed);
      read += step->piece.size();
      if (step->consumed > 0) continue;
    }
    const auto space = wire_.inbox.room(kFirstRead, 2 * kIdleMemory);
    if (space.empty()) co_return false;
    const auto count = co_await wire_.stream.read_some(space.data(), space.size());
    if (!count || *count == 0) co_return false;
    wire_.inbox.commit(*count);
  }
  wire_.watchdog.clear();
  co_return wire_.parser.complete();
}

bool Http1Session::wants_http2() {
  auto& request = wire_.request;
  if (!wire_.facts.upgrade || !wire_.context.options.http2 || wire_.stream.is_tls()) return false;
  if (request.has_body || !text::equals_nocase(request.headers.value_or("Upgrade"), "h2c")) {
    return false;
  }
  const auto given = request.headers.all("HTTP2-Settings");
  if (given.size() != 1) return false;
  std::string base64(given.front());
  for (char& c : base64) c = c == '-' ? '+' : c == '_' ? '/' : c;
  auto settings = text::from_base64(base64, false);
  if (!settings || settings->size() % 6 != 0) return false;
  settings_ = std::move(*settings);
  for (const auto* name : {"Connection", "Upgrade", "HTTP2-Settings"}) request.headers.erase(name);
  return true;
}

asio::awaitable<bool> Http1Session::run() {
  for (;;) {
    if (co_await next_head() == Head::none) co_return false;
    wire_.request.scheme = wire_.stream.is_tls() ? "https" : "http";
    if (wants_http2()) {
      constexpr std::string_view answer =
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
      const auto sent = co_await wire_.outbox.send(answer);
      co_return sent.has_value();
    }
    bool close = false;
    std::uint64_t received = 0;
    {
      Http1Exchange exchange(wire_);
      if (wire_.facts.expect_other) {
        exchange.close_after();
        const auto sent = co_await exchange.respond({.status = 417, .headers = {}, .content_length = 0}, {});
        if (!sent) co_return false;
      } else {
        co_await wire_.context.handler(exchange);
      }
      if (!exchange.answered()) exchange.abort();
      close = exchange.closing();
      received = exchange.received_bytes();
    }
    if (!wire_.stream.socket().is_open() || wire_.lost) co_return false;
    if (!close && !wire_.parser.complete()) close = !co_await drain(received);
    if (close) {
      // Text of the answer may still wait in the outbox only if its write failed.
      if (!wire_.parser.complete() || !wire_.inbox.empty()) co_await linger();
      co_return false;
    }
  }
}

}  // namespace

asio::awaitable<void> serve_http1(Stream stream, std::string preread, SessionContext context) {
  std::optional<Http1Session> session;
  session.emplace(std::move(stream), preread, context, co_await asio::this_coro::executor);
  std::string().swap(preread);  // an assignment keeps the memory
  if (!co_await session->run()) co_return;
  stream = std::move(session->wire_.stream);
  std::string rest(session->wire_.inbox.data());
  auto settings = std::move(session->settings_);
  auto first = std::move(session->wire_.request);
  session.reset();
  co_await serve_http2_upgraded(
      std::move(stream), std::move(rest), std::move(settings), std::move(first), std::move(context)
  );
}

}  // namespace mecha::net
