// Http2Stream: the two boxes of a stream and who waits for them.

#include "runtime/net/http2_fields.hpp"
#include "runtime/net/http2_session.hpp"

namespace mecha::net {
namespace {

// How much of a body may wait beyond the peer's window before its writer does.
constexpr std::size_t kOutboxMax = 64 << 10;

Error cancelled() { return Error{.code = Code::cancelled, .message = "context canceled"}; }

}  // namespace

Http2Stream::Http2Stream(Http2Session& session)
    : session_(session), reader_(session.ready()), writer_(session.ready()) {
  session_.link(*this);
}

Http2Stream::~Http2Stream() {
  session_.release(head_bytes_ + inbox_.size());
  session_.unlink(*this);
}

void Http2Stream::attach(std::int32_t id) {
  id_ = id;
  ++session_.live_;
}

void Http2Stream::leave() {
  if (closed_) return;
  if (id_ > 0 && !session_.dead()) {
    reset(NGHTTP2_CANCEL);
    nghttp2_session_set_stream_user_data(session_.raw(), id_, nullptr);
  }
  closed_ = true;
  session_.waiting_bytes_ -= pending();
  if (id_ > 0) session_.stream_gone();
}

std::string_view Http2Stream::take_now() {
  if (inbox_.empty()) return {};
  taken_.clear();
  taken_.swap(inbox_);
  if (!session_.dead()) {
    nghttp2_session_consume_stream(session_.raw(), id_, taken_.size());
    session_.schedule();
  }
  session_.release(taken_.size());
  return taken_;
}

Async<std::string_view> Http2Stream::take() {
  for (;;) {
    if (const auto piece = take_now(); !piece.empty()) co_return piece;
    if (in_end_) co_return std::string_view();
    if (closed_) co_return fail(gone());
    const bool woken = co_await reader_.wait();
    if (!woken) co_return fail(cancelled());
  }
}

Async<void> Http2Stream::put(std::string_view piece) {
  if (piece.empty()) co_return Result<void>();
  const auto state = co_await asio::this_coro::cancellation_state;
  for (bool begun = false, woken = true;;) {
    if (closed_ || out_end_) co_return fail(gone());
    if (!woken || state.cancelled() != asio::cancellation_type::none) {
      if (begun) reset(NGHTTP2_CANCEL);  // what came next would be taken for the rest of this piece
      co_return fail(cancelled());
    }
    const auto room = kOutboxMax - std::min(kOutboxMax, pending());
    const auto part = piece.substr(0, room);
    if (!part.empty()) {
      begun = true;
      if (pending() == 0) progress_ = std::chrono::steady_clock::now();
      outbox_.append(part);
      session_.waiting_bytes_ += part.size();
      piece.remove_prefix(part.size());
      nghttp2_session_resume_data(session_.raw(), id_);
      session_.schedule();
    }
    if (piece.empty()) co_return Result<void>();
    woken = co_await writer_.wait();
  }
}

void Http2Stream::put_all(std::string body) {
  progress_ = std::chrono::steady_clock::now();
  session_.waiting_bytes_ += body.size();
  outbox_ = std::move(body);
  outbox_taken_ = 0;
}

void Http2Stream::put_end(Headers trailers) {
  if (closed_ || out_end_) return;
  out_end_ = true;
  trailers_ = std::move(trailers);
  nghttp2_session_resume_data(session_.raw(), id_);
  session_.schedule();
}

void Http2Stream::reset(std::uint32_t code) {
  if (closed_ || id_ <= 0 || session_.dead()) return;
  nghttp2_submit_rst_stream(session_.raw(), NGHTTP2_FLAG_NONE, id_, code);
  session_.schedule();
}

ssize_t Http2Stream::fill(std::size_t length, std::uint32_t* flags) {
  const auto size = std::min(length, pending());
  if (size == 0 && !out_end_) return NGHTTP2_ERR_DEFERRED;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size < pending() || !out_end_) return static_cast<ssize_t>(size);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!trailers_.empty()) {
    FieldList fields;
    fields.add_all(trailers_);
    if (nghttp2_submit_trailer(session_.raw(), id_, fields.data(), fields.size()) == 0) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
  }
  return static_cast<ssize_t>(size);
}

void Http2Stream::drained(std::size_t size) {
  outbox_taken_ += size;
  sent_ += size;
  session_.waiting_bytes_ -= size;
  progress_ = session_.now();
  if (pending() == 0) {
    outbox_.clear();
    outbox_taken_ = 0;
  } else if (outbox_taken_ >= kOutboxMax && outbox_taken_ * 2 >= outbox_.size()) {
    outbox_.erase(0, outbox_taken_);
    outbox_taken_ = 0;
  }
  if (pending() <= kOutboxMax / 2) writer_.wake();
}

void Http2Stream::arrived(std::string_view piece) {
  inbox_.append(piece);
  session_.held_ += piece.size();
  received_ += piece.size();
  reader_.wake();
}

void Http2Stream::hold_head(std::size_t size) {
  head_bytes_ += size;
  session_.held_ += size;
}

void Http2Stream::close(std::uint32_t code) {
  if (closed_) return;
  closed_ = true;
  session_.waiting_bytes_ -= pending();
  std::string().swap(outbox_);  // an assignment keeps the memory
  outbox_taken_ = 0;
  if (id_ > 0) session_.stream_gone();
  on_close(code);  // a hook comes before the coroutine that it is about
  reader_.wake();
  writer_.wake();
}

}  // namespace mecha::net
