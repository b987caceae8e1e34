// Call: the client's side of a gRPC call; and unary calls as one function.

#include <array>
#include <charconv>

#include <boost/asio/steady_timer.hpp>

#include "runtime/async/within.hpp"
#include "runtime/base/http_status.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/grpc.hpp"

namespace mecha::net::grpc {
namespace {

// What an answer that is not gRPC means (doc/http-grpc-status-mapping.md of its specification).
Code code_of_answer(unsigned status) {
  switch (status) {
    case 400: return Code::internal;
    case 401: return Code::unauthenticated;
    case 403: return Code::permission_denied;
    case 404: return Code::unimplemented;
    case 429:
    case 502:
    case 503:
    case 504: return Code::unavailable;
    default: return Code::unknown;
  }
}

std::string authority_of(const Origin& origin) {
  if (!origin.unix_path.empty()) return "localhost";
  const bool v6 = origin.host.find(':') != std::string::npos;
  return (v6 ? "[" + origin.host + "]" : origin.host) + ":" + std::to_string(origin.port);
}

RequestHead head_of(
    const Origin& origin, std::string method, const Headers& metadata, std::chrono::nanoseconds timeout
) {
  RequestHead head{.method = "POST", .target = std::move(method), .has_body = true, .version = Version::http2};
  head.authority = authority_of(origin);
  const auto type = metadata.value_or("content-type");
  head.headers.add("content-type", is_grpc_type(type) ? type : kType);
  head.headers.add("te", "trailers");
  head.headers.add("grpc-accept-encoding", "gzip");
  if (timeout.count() > 0) head.headers.add("grpc-timeout", format_timeout(timeout));
  for (const auto& field : metadata) {
    if (!is_reserved(field.name)) head.headers.add(field.name, field.value);
  }
  return head;
}

// Cancels the call when its time is over; the call may end before.
class DeadlineTimer {
 public:
  explicit DeadlineTimer(const Executor& executor) : timer_(executor) {}
  ~DeadlineTimer() {
    if (state_) state_->call = nullptr;
  }
  void start(Call& call, std::chrono::steady_clock::time_point at) {
    state_ = std::make_shared<State>(State{.call = &call});
    timer_.expires_at(at);
    timer_.async_wait([state = state_](const boost::system::error_code& error) {
      if (error || state->call == nullptr) return;
      state->expired = true;
      state->call->cancel();
    });
  }
  bool expired() const { return state_ && state_->expired; }

 private:
  struct State {
    Call* call = nullptr;
    bool expired = false;
  };
  asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

Error expired() {
  return Error{
      .code = Code::deadline_exceeded,
      .message = "context deadline exceeded",
      .failure = Failure::timeout};
}

Async<Unary> converse(Call& call, std::string_view message) {
  // A peer may answer before it has read all; then its answer counts, not that writing failed.
  auto written = co_await call.write(message);
  if (written) written = co_await call.finish_writing();
  auto headers = co_await call.headers();
  if (!headers) co_return fail(std::move(headers).error());
  MECHA_CO_TRY(auto first, co_await call.read());
  Unary unary;
  if (first) {
    unary.message = *std::move(first);
    MECHA_CO_TRY(const auto second, co_await call.read());
    if (second) {
      co_return fail(Code::internal, "cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message");
    }
  }
  unary.status = call.status();
  if (unary.status.ok() && !first) {
    unary.status = {
        .code = Code::internal,
        .message = "cardinality violation: received no response message from non-server-streaming RPC"};
  }
  unary.headers = **headers;
  unary.trailers = call.trailers();
  co_return unary;
}

}  // namespace

Error transport_error(Error error) {
  if (error.message.starts_with("dial ")) {
    error.message = "connection error: desc = \"transport: Error while dialing: " + error.message + "\"";
  }
  return error;
}

Status not_grpc(const ResponseHead& head) {
  Status status{.code = code_of_answer(head.status)};
  status.message = "unexpected HTTP status code received from server: " + std::to_string(head.status) +
                   " (" + std::string(status_text(head.status)) + ")";
  const auto type = head.headers.get("content-type");
  status.message += type ? "; transport: received unexpected content-type " + text::quote(*type)
                         : "; malformed header: missing HTTP content-type";
  return status;
}

Call::Call(std::unique_ptr<ClientCall> call, std::size_t message_max)
    : call_(std::move(call)), deframer_(message_max) {}

Async<void> Call::write(std::string_view message) {
  if (message.size() <= kJoinedMax) {
    const auto whole = frame(message);
    co_return co_await call_->write(whole);
  }
  const auto prefix = prefix_of(message.size());
  MECHA_CO_TRY_VOID(co_await call_->write(std::string_view(prefix.data(), prefix.size())));
  co_return co_await call_->write(message);
}

Async<void> Call::finish_writing() { return call_->finish_writing(); }

Result<void> Call::take_status(const Headers& headers) {
  ended_ = true;
  const auto written = headers.get("grpc-status");
  const auto code = status_code(headers);
  if (written && !code) {
    status_ = {.code = Code::unknown, .message = malformed_status(*written)};
    return {};
  }
  status_.code = code.value_or(Code::unknown);
  status_.message = decode_message(headers.value_or("grpc-message"));
  if (const auto details = headers.get("grpc-status-details-bin")) {
    if (auto bytes = decode_bin(*details)) status_.details = *std::move(bytes);
  }
  return {};
}

Async<const Headers*> Call::headers() {
  if (have_headers_) co_return &headers_;
  MECHA_CO_TRY(auto* const head, co_await call_->head());
  have_headers_ = true;
  if (!is_grpc_type(head->headers.value_or("content-type"))) {
    status_ = not_grpc(*head);
    ended_ = true;
    call_->cancel();
    co_return &headers_;
  }
  if (head->headers.has("grpc-status")) {
    trailers_ = std::move(head->headers);
    MECHA_CO_TRY_VOID(take_status(trailers_));
    co_return &headers_;
  }
  deframer_.encoding(head->headers.value_or("grpc-encoding"));
  headers_ = std::move(head->headers);
  co_return &headers_;
}

Async<std::optional<std::string>> Call::read() {
  if (!have_headers_) MECHA_CO_TRY_VOID(co_await headers());
  for (;;) {
    auto message = deframer_.next();
    if (message) co_return message;
    if (ended_) co_return std::optional<std::string>();
    MECHA_CO_TRY(const auto piece, co_await call_->read());
    if (piece.empty()) break;
    if (auto fed = deframer_.feed(piece); !fed) {
      ended_ = true;
      status_ = {.code = fed.error().code, .message = fed.error().message};
      call_->cancel();
    }
  }
  trailers_ = call_->trailers();
  if (trailers_.empty()) {
    ended_ = true;
    status_ = {
        .code = Code::internal, .message = "server closed the stream without sending trailers"};
    co_return std::optional<std::string>();
  }
  MECHA_CO_TRY_VOID(take_status(trailers_));
  if (status_.ok() && !deframer_.empty()) {
    status_ = {.code = Code::internal, .message = "unexpected EOF"};
  }
  co_return std::optional<std::string>();
}

Async<std::unique_ptr<Call>> open(
    Client& client,
    std::string method,
    Headers metadata,
    std::chrono::nanoseconds timeout,
    std::size_t message_max
) {
  MECHA_CO_TRY(
      auto call,
      co_await client.open(head_of(client.origin(), std::move(method), metadata, timeout))
  );
  co_return std::make_unique<Call>(std::move(call), message_max);
}

Async<Unary> unary(
    Client& client,
    std::string method,
    Headers metadata,
    std::string message,
    std::chrono::milliseconds limit,
    std::size_t message_max,
    bool send_timeout
) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (bool again = false;; again = true) {
    auto left = end - std::chrono::steady_clock::now();
    const auto sent = send_timeout ? std::chrono::nanoseconds(left) : std::chrono::nanoseconds(0);
    auto head = head_of(client.origin(), method, metadata, sent);
    // Only where it may wait is opening put under a deadline of its own: that costs more than the rest.
    auto call = client.ready() || limit.count() == 0
                    ? co_await client.open(std::move(head))
                    : co_await within(left, client.open(std::move(head)));
    if (!call) co_return fail(std::move(call).error());
    Call running(*std::move(call), message_max);
    DeadlineTimer timer(co_await asio::this_coro::executor);
    if (limit.count() > 0) timer.start(running, end);
    auto result = co_await converse(running, message);
    // The server keeps the same deadline, and its reset may arrive before our timer has been looked at.
    const bool over = limit.count() > 0 && std::chrono::steady_clock::now() >= end;
    const bool cancelled = result && result->status.code == Code::cancelled;
    if (timer.expired() || (over && (!result || cancelled))) co_return fail(expired());
    if (result) co_return result;
    // A connection that went away in this moment: provably nothing was processed.
    if (again || result.error().failure != Failure::never_sent) co_return result;
  }
}

}  // namespace mecha::net::grpc
