#include "runtime/net/http1_exchange.hpp"

#include <cerrno>

#include <boost/asio/as_tuple.hpp>
#include <poll.h>
#include <sys/socket.h>

namespace mecha::net {
namespace {

constexpr std::size_t kReadSize = 32 * 1024;
constexpr std::chrono::milliseconds kPatience{100};
constexpr std::uint64_t kDrainMax = 256 * 1024;  // of an unread body; more closes the connection

Error gone() { return Error{.code = Code::unavailable, .message = "the answer has been broken off"}; }

}  // namespace

void Http1Exchange::put_head(const ResponseHead& head, std::optional<std::uint64_t> length) {
  const auto& request = wire_.request;
  const bool old = request.version == Version::http1_0;
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
  silent_ = bodiless || request.method == "HEAD";
  if (bodiless) {
    framing_ = Framing::none;
  } else if (length) {
    framing_ = Framing::length;
    promised_ = *length;
  } else if (silent_) {
    framing_ = Framing::none;
  } else {
    framing_ = old ? Framing::until_close : Framing::chunked;
  }
  if (!wire_.facts.keep_alive || wire_.context.draining) close_ = true;
  if (framing_ == Framing::until_close || too_large_) close_ = true;
  if (!wire_.parser.complete()) {
    if (wire_.facts.expect_continue && !continued_) close_ = true;
    if (request.content_length.value_or(0) > received_ + kDrainMax) close_ = true;
  }
  auto& out = wire_.outbox.pending();
  append_status_line(out, head.status);
  const auto seen = append_fields(out, head.headers);
  if (!seen.date) out.append("Date: ").append(http_date()).append("\r\n");
  append_framing(out, framing_, promised_);
  if (seen.close) close_ = true;
  if (!seen.connection && close_) out.append("Connection: close\r\n");
  if (!seen.connection && !close_ && old) out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
  status_ = head.status;
}

Async<void> Http1Exchange::respond(ResponseHead head, std::string body) {
  if (stage_ != Stage::waiting) co_return fail(gone());
  const bool in_chunks = head.chunked && !body.empty() && wire_.request.version != Version::http1_0;
  put_head(head, in_chunks ? std::nullopt : std::optional<std::uint64_t>(body.size()));
  stage_ = Stage::done;
  std::string_view rest = silent_ ? std::string_view() : std::string_view(body), tail;
  sent_ = rest.size();
  if (framing_ == Framing::chunked) {
    append_chunk_line(wire_.outbox.pending(), body.size());
    tail = "\r\n0\r\n\r\n";
  }
  if (wire_.outbox.try_send(rest, tail) == Outbox::Sent::all) co_return Result<void>();
  co_return co_await wire_.outbox.send(rest, tail);
}

Async<void> Http1Exchange::start(ResponseHead head) {
  if (stage_ != Stage::waiting) co_return fail(gone());
  put_head(head, head.content_length);
  stage_ = Stage::streaming;
  co_return co_await wire_.outbox.soon();
}

Async<void> Http1Exchange::write(std::string_view piece) {
  if (stage_ != Stage::streaming) co_return fail(gone());
  if (piece.empty() || silent_) co_return Result<void>();
  if (framing_ == Framing::length && sent_ + piece.size() > promised_) {
    co_return fail(Code::internal, "http: wrote more than the declared Content-Length");
  }
  sent_ += piece.size();
  std::string_view tail;
  if (framing_ == Framing::chunked) {
    append_chunk_line(wire_.outbox.pending(), piece.size());
    tail = "\r\n";
  }
  if (wire_.outbox.try_send(piece, tail) == Outbox::Sent::all) co_return Result<void>();
  co_return co_await wire_.outbox.send(piece, tail);
}

Async<void> Http1Exchange::finish(Headers) {
  if (stage_ != Stage::streaming) co_return fail(gone());
  if (framing_ == Framing::length && !silent_ && sent_ != promised_) {
    abort();
    co_return fail(Code::internal, "http: wrote less than the declared Content-Length");
  }
  stage_ = Stage::done;
  if (framing_ == Framing::chunked) wire_.outbox.pending().append("0\r\n\r\n");
  std::string_view none, nothing;
  if (wire_.outbox.try_send(none, nothing) == Outbox::Sent::all) co_return Result<void>();
  co_return co_await wire_.outbox.send({});
}

void Http1Exchange::abort() {
  stage_ = Stage::aborted;
  close_ = true;
  // A reset, so that an answer that ends with its connection does not look whole.
  boost::system::error_code ignored;
  if (wire_.stream.socket().is_open()) {
    wire_.stream.socket().set_option(asio::socket_base::linger(true, 0), ignored);
  }
  wire_.stream.close();
}

Async<void> Http1Exchange::fill() {
  if (wire_.facts.expect_continue && !continued_) {
    continued_ = true;
    if (stage_ == Stage::waiting) {
      MECHA_CO_TRY_VOID(co_await wire_.outbox.send("HTTP/1.1 100 Continue\r\n\r\n"));
    }
  }
  const auto space = wire_.inbox.room(kReadSize, kReadSize);
  if (space.empty()) co_return fail(Code::invalid_argument, "malformed chunked encoding");
  auto count = co_await wire_.stream.read_some(space.data(), space.size());
  // Nothing more can come: waiting for it would take until a time-out, as the end is told only once.
  wire_.lost = !count || *count == 0;
  if (!count) co_return fail(std::move(count).error());
  if (*count == 0) co_return fail(Code::unavailable, "unexpected EOF");
  wire_.inbox.commit(*count);
  co_return Result<void>();
}

Async<std::string_view> Http1Exchange::read() {
  if (too_large_) co_return fail(body_too_large());
  const auto limit = wire_.context.options.body_bytes_max;
  if (limit != 0 && wire_.request.content_length.value_or(0) > limit) {
    too_large_ = true;
    co_return fail(body_too_large());
  }
  while (!wire_.parser.complete()) {
    Http1Parser::Step step;
    if (!wire_.inbox.empty()) {
      MECHA_CO_TRY(step, wire_.parser.body(wire_.inbox.data()));
      wire_.inbox.consume(step.consumed);
    }
    received_ += step.piece.size();
    if (limit != 0 && received_ > limit) {
      too_large_ = true;
      co_return fail(body_too_large());
    }
    if (!step.piece.empty()) co_return step.piece;
    if (step.consumed == 0) MECHA_CO_TRY_VOID(co_await fill());
  }
  co_return std::string_view();
}

void Http1Exchange::on_disconnect(std::function<void()> hook) {
  hook_ = std::move(hook);
  if (!hook_) return stop_watching();
  wire_.serving = this;
  wire_.patience.set(kPatience);
}

void Http1Wire::look_for_client() {
  if (serving != nullptr) serving->watch();
}

// The socket is watched for its end. Watching costs three system calls, so it begins only when the answer takes its time.
void Http1Exchange::watch() {
  if (watching_ || !hook_) return;
  if (!wire_.parser.complete() || !wire_.inbox.empty()) return look_again();
  watching_ = std::make_shared<Http1Exchange*>(this);
  wire_.stream.socket().async_wait(
      Stream::Socket::wait_read, [alive = watching_](const boost::system::error_code& error) {
        if (*alive && !error) (*alive)->peer_readable();
      }
  );
}

void Http1Exchange::peer_readable() {
  char byte = 0;
  const auto count =
      ::recv(wire_.stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  constexpr char tls_alert = 21;
  watching_.reset();
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return watch();
  if (count > 0 && !(wire_.stream.is_tls() && byte == tls_alert)) return look_again();
  client_gone();
}

// What the client has sent and nobody has read, the rest of a body or the next request of a pipeline, hides its end from those
// who wait for bytes: it is asked for time and again.
void Http1Exchange::look_again() {
  pollfd socket{.fd = wire_.stream.socket().native_handle(), .events = POLLRDHUP, .revents = 0};
  if (::poll(&socket, 1, 0) > 0) return client_gone();
  wire_.patience.set(kPatience);
}

void Http1Exchange::client_gone() {
  close_ = true;
  if (hook_) std::exchange(hook_, nullptr)();
}

void Http1Exchange::stop_watching() {
  hook_ = nullptr;
  if (wire_.serving == this) wire_.serving = nullptr;
  wire_.patience.clear();
  if (!watching_) return;
  *watching_ = nullptr;
  watching_.reset();
  boost::system::error_code ignored;
  if (wire_.stream.socket().is_open()) wire_.stream.socket().cancel(ignored);
}

}  // namespace mecha::net
