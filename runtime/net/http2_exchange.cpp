#include "runtime/net/http2_exchange.hpp"

#include <charconv>
#include <utility>

#include "runtime/base/text.hpp"
#include "runtime/net/grpc.hpp"
#include "runtime/net/http1_writer.hpp"
#include "runtime/net/http2_fields.hpp"

namespace mecha::net {
namespace {

Error misuse(const char* what) { return Error{.code = Code::internal, .message = what}; }

Async<void> refuse_misuse(const char* what) { co_return fail(misuse(what)); }

Headers refusal_trailers(std::string_view field) {
  auto error = field_too_long(field);
  return grpc::status_trailers({.code = error.code, .message = std::move(error.message), .details = {}});
}

// Every '%' of the path is followed by two hexadecimal digits.
bool good_escapes(std::string_view path) {
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (auto at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (at + 2 >= path.size() || !is_hex(path[at + 1]) || !is_hex(path[at + 2])) return false;
  }
  return true;
}

// HTTP/2 may send one cookie per field; everybody behind us knows one field only.
void join_cookies(Headers& headers) {
  const auto cookies = headers.all("cookie");
  if (cookies.size() < 2) return;
  std::string joined(cookies[0]);
  for (std::size_t i = 1; i < cookies.size(); ++i) joined.append("; ").append(cookies[i]);
  headers.set("cookie", joined);
}

}  // namespace

Http2Exchange::Http2Exchange(
    Http2Session& session, const SessionContext& context, std::function<void()> drain
)
    : Http2Stream(session),
      context_(context),
      drain_(std::move(drain)),
      disconnect_(session.ready()) {
  head_.version = Version::http2;
}

void Http2Exchange::add_field(std::string_view name, std::string_view value) {
  if (name.starts_with(':')) {
    if (name == ":method") head_.method = value;
    if (name == ":path") head_.target = value;
    if (name == ":authority") head_.authority = value;
    if (name == ":scheme") head_.scheme = value;
    return;
  }
  if (name == "host") {
    if (head_.authority.empty()) head_.authority = value;
    return;
  }
  if (name == "content-length") {
    std::uint64_t length = 0;
    const auto end = value.data() + value.size();
    if (std::from_chars(value.data(), end, length).ptr == end) head_.content_length = length;
    return;
  }
  head_.headers.add(name, value);
}

bool Http2Exchange::complete(bool whole) {
  head_.has_body = !whole;
  if (whole && !head_.content_length) head_.content_length = 0;
  if (head_.target.empty()) head_.target = head_.authority;  // CONNECT
  join_cookies(head_.headers);
  grpc_ = grpc::is_grpc(head_);
  // A client of gRPC takes 100 for the answer.
  expects_continue_ = !grpc_ && text::equals_nocase(head_.headers.value_or("expect"), "100-continue");
  return good_escapes(head_.path());
}

bool Http2Exchange::forbids_body(unsigned status) const {
  return status < 200 || status == 204 || status == 304;
}

void Http2Exchange::submit(const ResponseHead& head, bool with_body) {
  FieldList fields;
  char status[16];
  char length[24];
  const auto status_end = std::to_chars(status, status + sizeof status, head.status).ptr;
  fields.add(":status", std::string_view(status, static_cast<std::size_t>(status_end - status)));
  fields.add_all(head.headers);
  if (head.content_length && !forbids_body(head.status)) {
    const auto end = std::to_chars(length, length + sizeof length, *head.content_length).ptr;
    fields.add("content-length", std::string_view(length, static_cast<std::size_t>(end - length)));
  }
  if (!grpc_ && !head.headers.has("date")) fields.add("date", http_date());
  const auto source = provider();
  started_ = true;
  status_ = head.status;
  const auto error = nghttp2_submit_response(
      session_.raw(), id_, fields.data(), fields.size(), with_body ? &source : nullptr
  );
  if (error != 0) reset(NGHTTP2_INTERNAL_ERROR);
  session_.schedule();
}

// In the place of an answer that a client may be unable to decode, which would end the calls of others with the connection.
ResponseHead Http2Exchange::instead_of(std::string_view field) const {
  if (!grpc_) return {.status = 500};
  ResponseHead head{.status = 200};
  head.headers.add("content-type", "application/grpc");
  for (const auto& each : refusal_trailers(field)) head.headers.add(each.name, each.value);
  return head;
}

Async<void> Http2Exchange::respond(ResponseHead head, std::string body) {
  if (closed_ || session_.dead()) co_return fail(gone());
  if (started_) co_return fail(misuse("the answer was started already"));
  if (const auto field = too_long_field(head.headers); !field.empty()) {
    body = grpc_ ? std::string() : field_too_long(field).message;
    head = instead_of(field);
    if (!grpc_) head.headers.add("content-type", "text/plain; charset=utf-8");
  }
  const bool is_head = head_.method == "HEAD";
  // A gRPC answer without messages has no length: it is not a body of zero bytes but a status.
  if (!grpc_ && !(is_head && head.content_length)) head.content_length = body.size();
  const bool with_body = !is_head && !forbids_body(head.status) && !body.empty();
  if (with_body) put_all(std::move(body));
  out_end_ = true;
  submit(head, with_body);
  co_return Result<void>();
}

Async<void> Http2Exchange::start(ResponseHead head) {
  if (closed_ || session_.dead()) co_return fail(gone());
  if (started_) co_return fail(misuse("the answer was started already"));
  if (const auto field = too_long_field(head.headers); !field.empty()) {
    auto why = field_too_long(field);
    no_body_ = true;  // what is written after it was meant for the answer that is not given
    MECHA_CO_TRY_VOID(co_await respond(std::move(head), {}));
    co_return fail(std::move(why));
  }
  no_body_ = head_.method == "HEAD" || forbids_body(head.status);
  if (no_body_) out_end_ = true;
  submit(head, !no_body_);
  co_return Result<void>();
}

Async<void> Http2Exchange::write(std::string_view piece) {
  if (!started_) return refuse_misuse("the answer was not started");
  return put(no_body_ ? std::string_view() : piece);
}

Async<void> Http2Exchange::finish(Headers trailers) {
  if (!started_) co_return fail(misuse("the answer was not started"));
  if (closed_) co_return fail(gone());
  if (const auto field = too_long_field(trailers); !field.empty()) {
    trailers = grpc_ ? refusal_trailers(field) : Headers();
  }
  if (!no_body_) put_end(std::move(trailers));
  co_return Result<void>();
}

Async<std::string_view> Http2Exchange::read() {
  if (expects_continue_ && !started_ && !closed_ && body_read_ == 0) {
    expects_continue_ = false;
    FieldList fields;
    fields.add(":status", "100");
    nghttp2_submit_headers(
        session_.raw(), NGHTTP2_FLAG_NONE, id_, nullptr, fields.data(), fields.size(), nullptr
    );
    session_.schedule();
  }
  Result<std::string_view> piece = take_now();
  if (piece->empty()) piece = co_await take();
  if (!piece) co_return piece;
  body_read_ += piece->size();
  const auto limit = context_.options.body_bytes_max;
  if (limit != 0 && !grpc_ && body_read_ > limit) {
    co_return fail(body_too_large());
  }
  co_return piece;
}

void Http2Exchange::nudge() {
  reader_.wake();
  session_.schedule();
}

void Http2Exchange::abort() {
  out_end_ = true;
  reset(NGHTTP2_INTERNAL_ERROR);
}

void Http2Exchange::expire(ResponseHead head, Headers trailers) {
  if (closed_ || out_end_ || session_.dead()) return;
  expired_ = true;
  if (!started_) {
    out_end_ = true;
    submit(head, false);
  } else if (pending() == 0) {
    put_end(std::move(trailers));
  } else {
    out_end_ = true;
    reset(NGHTTP2_CANCEL);
  }
  if (disconnect_.is_set()) disconnect_.make_ready();
  session_.schedule();
}

void Http2Exchange::on_disconnect(std::function<void()> hook) {
  disconnect_.set(std::move(hook));
  if (!closed_ || out_done_ || !disconnect_.is_set()) return;
  disconnect_.make_ready();
  session_.schedule();
}

void Http2Exchange::on_close(std::uint32_t) {
  if (!out_done_ && !handler_ended_ && disconnect_.is_set()) disconnect_.make_ready();
}

void Http2Exchange::handler_ended() {
  handler_ended_ = true;
  handler_ = nullptr;
  disconnect_.set(nullptr);
  if (closed_) return;
  if (!started_ || !out_end_) return reset(NGHTTP2_INTERNAL_ERROR);
  if (reset_pending()) stop_sending();
}

void Http2Exchange::answer_too_large() {
  ResponseHead head{.status = 431};
  head.headers.add("content-type", "text/plain; charset=utf-8");
  std::string body = "431 Request Header Fields Too Large";
  head.content_length = body.size();
  put_all(std::move(body));
  out_end_ = true;
  handler_ended_ = true;
  submit(head, true);
}

Error Http2Exchange::gone() const {
  if (grpc_) return Error{.code = Code::cancelled, .message = "context canceled"};
  return Error{.code = Code::unavailable, .message = "client disconnected"};
}

}  // namespace mecha::net
