// ServerCall: the server's side of a gRPC call.

#include "runtime/net/grpc.hpp"

#include <array>

#include <boost/asio/steady_timer.hpp>

namespace mecha::net::grpc {
namespace {

void add_status(Headers& headers, const Status& status) {
  headers.add("grpc-status", std::to_string(static_cast<int>(status.code)));
  if (!status.message.empty()) headers.add("grpc-message", encode_message(status.message));
  if (!status.details.empty()) headers.add("grpc-status-details-bin", encode_bin(status.details));
}

void append(Headers& to, const Headers& from) {
  for (const auto& field : from) to.add(field.name, field.value);
}

Status past_deadline() {
  return {.code = Code::deadline_exceeded, .message = "context deadline exceeded", .details = {}};
}

}  // namespace

Headers status_trailers(const Status& status) {
  Headers trailers;
  add_status(trailers, status);
  return trailers;
}

ServerCall::ServerCall(Exchange& exchange, std::size_t message_max)
    : exchange_(exchange), deframer_(message_max) {
  const auto& headers = exchange_.request().headers;
  deframer_.encoding(headers.value_or("grpc-encoding"));
  const auto timeout = parse_timeout(headers.value_or("grpc-timeout"));
  if (!timeout) return;
  const auto now = std::chrono::steady_clock::now();
  const auto most = std::chrono::steady_clock::time_point::max() - now;
  deadline_ = now + std::min<std::chrono::nanoseconds>(*timeout, most);
}

std::string_view ServerCall::method() const { return exchange_.request().path(); }
std::string_view ServerCall::type() const {
  const auto given = metadata().value_or("content-type");
  return given.starts_with(kType) ? given.substr(0, given.find(';')) : kType;
}
const Headers& ServerCall::metadata() const { return exchange_.request().headers; }
std::optional<std::chrono::steady_clock::time_point> ServerCall::deadline() const {
  return deadline_;
}

Async<std::optional<std::string>> ServerCall::read() {
  for (;;) {
    auto message = deframer_.next();
    if (message) {
      received_ += message->size();
      co_return message;
    }
    MECHA_CO_TRY(const auto piece, co_await exchange_.body().read());
    if (piece.empty()) break;
    MECHA_CO_TRY_VOID(deframer_.feed(piece));
  }
  if (!deframer_.empty()) co_return fail(Code::internal, "unexpected EOF");
  co_return std::optional<std::string>();
}

Async<void> ServerCall::take_in() {
  MECHA_CO_TRY(const auto piece, co_await exchange_.body().read());
  if (!piece.empty()) co_return deframer_.feed(piece);
  at_end_ = true;
  co_return Result<void>();
}

void ServerCall::set_headers(Headers headers) { headers_ = std::move(headers); }

ResponseHead ServerCall::make_head() {
  ResponseHead head;
  head.headers.add("content-type", type());
  head.headers.add("grpc-accept-encoding", "gzip");
  append(head.headers, headers_);
  return head;
}

Async<void> ServerCall::send_headers() {
  if (headers_sent_) co_return Result<void>();
  headers_sent_ = true;
  co_return co_await exchange_.start(make_head());
}

Async<void> ServerCall::write(std::string_view message) {
  if (finished_) co_return fail(Code::internal, "the call has ended");
  if (!std::exchange(headers_sent_, true)) MECHA_CO_TRY_VOID(co_await exchange_.start(make_head()));
  sent_ += message.size();
  if (message.size() <= kJoinedMax) {
    const auto whole = frame(message);
    co_return co_await exchange_.write(whole);
  }
  const auto prefix = prefix_of(message.size());
  MECHA_CO_TRY_VOID(co_await exchange_.write(std::string_view(prefix.data(), prefix.size())));
  co_return co_await exchange_.write(message);
}

// A failure that is not the deadline's yet, but has to be.
bool ServerCall::is_overdue(Code code) const {
  if (code == Code::ok || code == Code::deadline_exceeded || !deadline_) return false;
  return std::chrono::steady_clock::now() >= *deadline_;
}

Headers ServerCall::answered(Headers trailers) {
  finished_ = true;
  status_ = status_code(trailers).value_or(Code::unknown);
  if (!is_overdue(status_)) return trailers;
  status_ = Code::deadline_exceeded;
  return status_trailers(past_deadline());
}

Async<void> ServerCall::finish(Status status, Headers trailers) {
  if (finished_) co_return Result<void>();
  finished_ = true;
  if (is_overdue(status.code)) status = past_deadline();
  status_ = status.code;
  if (!headers_sent_ && !headers_.empty()) MECHA_CO_TRY_VOID(co_await send_headers());
  if (headers_sent_) {
    auto all = status_trailers(status);
    append(all, trailers);
    co_return co_await exchange_.finish(std::move(all));
  }
  auto head = make_head();
  add_status(head.headers, status);
  append(head.headers, trailers);
  co_return co_await exchange_.respond(std::move(head), std::string());
}

void ServerCall::expire() {
  if (finished_) return;
  finished_ = true;
  const auto status = past_deadline();
  status_ = status.code;
  auto head = make_head();
  add_status(head.headers, status);
  exchange_.expire(std::move(head), status_trailers(status));
}

struct DeadlineGuard::State {
  ServerCall* call;
  asio::steady_timer timer;
};

DeadlineGuard::DeadlineGuard(ServerCall& call, asio::any_io_executor executor) {
  if (!call.deadline()) return;
  state_ = std::make_shared<State>(&call, asio::steady_timer(std::move(executor), *call.deadline()));
  state_->timer.async_wait([state = state_](const boost::system::error_code& error) {
    if (!error && state->call != nullptr) state->call->expire();
  });
}

DeadlineGuard::~DeadlineGuard() {
  if (!state_) return;
  state_->call = nullptr;
  state_->timer.cancel();
}

}  // namespace mecha::net::grpc
