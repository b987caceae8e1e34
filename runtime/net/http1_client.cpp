#include "runtime/net/http1_client.hpp"

#include <cerrno>

#include "runtime/net/http1_writer.hpp"

namespace mecha::net {
namespace {

constexpr std::size_t kReadSize = 32 * 1024;
constexpr std::size_t kFirstRead = 4096;

// Sending these twice does no harm (RFC 9110, 9.2.1), so an idle connection that ends without a word is no obstacle.
bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

class Http1Call final : public ClientCall {
 public:
  Http1Call(
      std::shared_ptr<Http1Pool> pool, std::unique_ptr<Http1Connection> connection, RequestHead head
  )
      : pool_(std::move(pool)), connection_(std::move(connection)), request_(std::move(head)) {
    framing_ = request_.has_body ? request_framing(request_) : Framing::none;
    finished_ = !request_.has_body;
  }
  ~Http1Call() override { release(); }

  Async<void> begin();
  Async<void> write(std::string_view piece) override;
  Async<void> finish_writing() override;
  Async<ResponseHead*> head() override;
  Async<std::string_view> read() override;
  bool at_end() const override { return have_head_ && !broken_ && (!connection_ || connection_->parser.complete()); }
  const Headers& trailers() const override { return trailers_; }
  void cancel() override {
    resent_ = true;  // never again
    broken_ = true;
    if (connection_) connection_->stream.close();
  }

 private:
  bool may_resend(bool unread) const;
  Async<void> resend();
  Async<void> send(std::string_view piece, std::string_view tail);
  asio::awaitable<Error> last_word(Error error);
  Async<bool> receive();  // false: the end of the stream
  Result<bool> take_head();
  void release();
  static std::unexpected<Error> gone() { return fail(Code::unavailable, "http: the call has ended"); }

  std::shared_ptr<Http1Pool> pool_;
  std::unique_ptr<Http1Connection> connection_;  // null: given back
  RequestHead request_;
  Framing framing_ = Framing::none;
  ResponseHead response_;
  Http1Facts facts_;
  Headers trailers_;
  std::uint64_t written_ = 0;
  bool finished_ = false;  // all of the request is written
  bool resent_ = false, have_head_ = false, heading_ = false, heard_ = false, broken_ = false;
};

Async<void> Http1Call::begin() {
  connection_->parser.reset(request_.method == "HEAD");
  auto& out = connection_->outbox;
  if (!append_request(out.pending(), request_, pool_->settings().host)) {
    out.pending().clear();
    finished_ = false;
    co_return fail(
        Code::invalid_argument, "net/http: invalid method \"" + request_.method + "\""
    );
  }
  if (request_.has_body) co_return co_await out.soon();
  std::string_view none, nothing;
  if (out.try_send(none, nothing) == Outbox::Sent::all) co_return Result<void>();
  co_return co_await send({}, {});
}

// Whether the request may go out again on another connection: this one was used before and has ended without a byte of
// an answer. `unread`: the peer's system says that nobody there has read it.
bool Http1Call::may_resend(bool unread) const {
  if (!connection_->reused || resent_ || heard_ || written_ > 0) return false;
  return unread || is_safe(request_.method);
}

Async<void> Http1Call::resend() {
  resent_ = true;
  pool_->discard(std::move(connection_));
  MECHA_CO_TRY(connection_, co_await pool_->acquire(true));
  connection_->parser.reset(request_.method == "HEAD");
  append_request(connection_->outbox.pending(), request_, pool_->settings().host);
  if (request_.has_body) co_return Result<void>();
  co_return co_await connection_->outbox.send({});
}

Async<void> Http1Call::send(std::string_view piece, std::string_view tail) {
  auto& out = connection_->outbox;
  const auto sent = out.try_send(piece, tail);
  if (sent == Outbox::Sent::all) co_return Result<void>();
  if (sent == Outbox::Sent::failed && !heading_ && may_resend(true)) {
    const auto framing = out.pending().rfind("\r\n\r\n");
    const auto chunk = out.pending().substr(framing == std::string::npos ? 0 : framing + 4);
    MECHA_CO_TRY_VOID(co_await resend());
    connection_->outbox.pending().append(chunk);
    co_return co_await connection_->outbox.send(piece, tail);
  }
  auto result = co_await out.send(piece, tail);
  if (result) co_return result;
  broken_ = true;
  co_return fail(co_await last_word(std::move(result).error()));
}

// Under TLS the other side may have said why before it left; that is still to be read.
asio::awaitable<Error> Http1Call::last_word(Error error) {
  const bool left = error.message.ends_with("broken pipe") || error.message.ends_with("connection reset by peer");
  if (!left || !connection_->stream.is_tls()) co_return error;
  auto heard = co_await receive();
  if (!heard && heard.error().message.starts_with("remote error")) co_return std::move(heard).error();
  co_return error;
}

Async<void> Http1Call::write(std::string_view piece) {
  if (!connection_) co_return gone();
  if (piece.empty()) co_return Result<void>();
  if (framing_ == Framing::none || (framing_ == Framing::length &&
                                    written_ + piece.size() > request_.content_length.value_or(0))) {
    co_return fail(Code::internal, "http: the request body is longer than it was declared");
  }
  const auto size = piece.size();
  std::string_view tail;
  if (framing_ == Framing::chunked) {
    append_chunk_line(connection_->outbox.pending(), size);
    tail = "\r\n";
  }
  const auto sent = co_await send(piece, tail);
  written_ += size;
  co_return sent;
}

Async<void> Http1Call::finish_writing() {
  if (finished_) co_return Result<void>();
  if (!connection_) co_return gone();
  if (framing_ == Framing::length && written_ != request_.content_length.value_or(0)) {
    cancel();
    co_return fail(
        Code::internal, "http: ContentLength=" + std::to_string(*request_.content_length) +
                            " with Body length " + std::to_string(written_)
    );
  }
  if (framing_ == Framing::chunked) connection_->outbox.pending().append("0\r\n\r\n");
  auto sent = co_await send({}, {});
  if (sent) finished_ = true;
  co_return sent;
}

Async<bool> Http1Call::receive() {
  auto& inbox = connection_->inbox;
  const auto limit = pool_->settings().options.response_header_bytes_max + kFirstRead;
  const auto space =
      have_head_ ? inbox.room(kReadSize, kReadSize) : inbox.room(kFirstRead, limit);
  if (space.empty()) co_return fail(Code::unavailable, "malformed chunked encoding");
  MECHA_CO_TRY(const auto count, co_await connection_->stream.read_some(space.data(), space.size()));
  inbox.commit(count);
  heard_ = heard_ || count > 0;
  co_return count > 0;
}

// True once the final head is there.
Result<bool> Http1Call::take_head() {
  auto& c = *connection_;
  while (!c.inbox.empty()) {
    auto used = c.parser.response_head(c.inbox.data(), response_, facts_);
    if (!used) {
      broken_ = true;
      if (used.error().http_status != 431) return fail(std::move(used).error());
      return fail(
          Code::unavailable, "net/http: server response headers exceeded " +
                                 std::to_string(pool_->settings().options.response_header_bytes_max) +
                                 " bytes; aborted"
      );
    }
    if (*used == 0) return false;
    c.inbox.consume(*used);
    if (response_.status >= 200 || response_.status < 100 || response_.status == 101) return true;
    c.parser.reset(request_.method == "HEAD");
  }
  return false;
}

Async<ResponseHead*> Http1Call::head() {
  while (!have_head_) {
    if (!connection_) co_return gone();
    MECHA_CO_TRY(have_head_, take_head());
    if (have_head_) break;
    heading_ = true;
    auto more = co_await receive();
    heading_ = false;
    if (more && *more) continue;
    const bool reset = !more && more.error().message.ends_with("connection reset by peer");
    if (!request_.has_body && may_resend(reset)) {
      MECHA_CO_TRY_VOID(co_await resend());
      continue;
    }
    broken_ = true;
    if (!more) co_return fail(std::move(more).error());
    co_return fail(Code::unavailable, heard_ ? "unexpected EOF" : "EOF");
  }
  if (connection_ && connection_->parser.complete() && finished_) release();
  co_return &response_;
}

Async<std::string_view> Http1Call::read() {
  if (!have_head_) MECHA_CO_TRY_VOID(co_await head());
  if (!connection_) co_return broken_ ? Result<std::string_view>(gone()) : std::string_view();
  auto& c = *connection_;
  while (!c.parser.complete()) {
    Http1Parser::Step step;
    if (!c.inbox.empty()) {
      auto taken = c.parser.body(c.inbox.data());
      if (!taken) {
        broken_ = true;
        co_return fail(Code::unavailable, "malformed chunked encoding");
      }
      step = *taken;
      c.inbox.consume(step.consumed);
    }
    if (!step.piece.empty()) co_return step.piece;
    if (step.consumed > 0) continue;
    auto more = co_await receive();
    if (more && *more) continue;
    broken_ = true;
    if (!more) co_return fail(std::move(more).error());
    if (!c.parser.end_of_stream()) co_return fail(Code::unavailable, "unexpected EOF");
    co_return std::string_view();
  }
  trailers_ = std::move(c.parser.trailers());
  if (finished_) release();
  co_return std::string_view();
}

// Back to the pool if the next call can begin where this one ended.
void Http1Call::release() {
  if (!connection_) return;
  const bool clean = have_head_ && finished_ && !broken_ && connection_->parser.complete() &&
                     facts_.keep_alive && connection_->inbox.empty() && response_.status != 101 &&
                     connection_->stream.socket().is_open();
  if (clean) {
    pool_->give_back(std::move(connection_));
  } else {
    pool_->discard(std::move(connection_));
  }
}

}  // namespace

std::unique_ptr<ClientCall> make_http1_call(
    std::shared_ptr<Http1Pool> pool, std::unique_ptr<Http1Connection> connection, RequestHead head
) {
  return std::make_unique<Http1Call>(std::move(pool), std::move(connection), std::move(head));
}

Async<void> begin_http1_call(ClientCall& call) { return static_cast<Http1Call&>(call).begin(); }

}  // namespace mecha::net
