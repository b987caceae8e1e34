#include "runtime/mesh/proxy_stream.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "runtime/async/event.hpp"

namespace mecha::mesh {
namespace {

// What an answer's head and trailers may carry on: everything but what belongs to one connection.
void keep_metadata(net::Headers& headers) {
  for (const auto name : {"connection", "transfer-encoding", "content-length"}) headers.erase(name);
}

// A status that is no number goes no further: some clients lose their connection over it, and with it their other calls.
net::Headers readable(net::Headers trailers) {
  if (net::grpc::status_code(trailers)) return trailers;
  const auto written = trailers.get("grpc-status");
  net::grpc::Status status{.code = Code::unknown, .message = {}, .details = {}};
  if (written) status.message = net::grpc::malformed_status(*written);
  return net::grpc::status_trailers(status);
}

bool is_ok(const net::Headers& trailers) { return net::grpc::status_code(trailers) == Code::ok; }

}  // namespace

Async<void> ProxyStream::finish(net::Headers trailers) {
  keep_metadata(trailers);
  co_return co_await exchange_.finish(call_.answered(readable(std::move(trailers))));
}

Error ProxyStream::hold(net::Headers trailers) {
  trailers = readable(std::move(trailers));
  const auto code = net::grpc::status_code(trailers).value_or(Code::unknown);
  Error error{.code = code, .message = net::grpc::decode_message(trailers.value_or("grpc-message"))};
  error.outcome = static_cast<int>(code);
  keep_metadata(trailers);
  held_ = std::move(trailers);
  return error;
}

// An answer without messages: its head is its end.
Async<void> ProxyStream::finish_at_once(net::ResponseHead head) {
  keep_metadata(head.headers);
  head.headers = call_.answered(readable(std::move(head.headers)));
  head.headers.set("content-type", call_.type());
  co_return co_await exchange_.respond(std::move(head), {});
}

// A compressed message goes on as it was before: the target need not know how to unpack it.
Async<void> ProxyStream::upwards_unpacked() {
  for (;;) {
    MECHA_CO_TRY(const auto message, co_await call_.read());
    if (!message) break;
    if (!co_await target_.write(net::grpc::frame(*message))) co_return Result<void>{};
  }
  (void)co_await target_.finish_writing();
  co_return Result<void>{};
}

Async<void> ProxyStream::upwards() {
  if (call_.metadata().value_or("grpc-encoding") == "gzip") co_return co_await upwards_unpacked();
  for (;;) {
    MECHA_CO_TRY(const auto piece, co_await exchange_.body().read());
    if (piece.empty()) break;
    MECHA_CO_TRY_VOID(up_.feed(piece));
    // A target that reads no further has answered, or is about to.
    if (!co_await target_.write(piece)) co_return Result<void>{};
  }
  (void)co_await target_.finish_writing();
  co_return Result<void>{};
}

// Never ends by itself: the answer ends the call. A request that cannot be passed on ends the answer.
asio::awaitable<void> ProxyStream::upwards_until_cancelled(std::optional<Error>& problem) {
  if (auto sent = co_await upwards(); !sent) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;  // the answer has ended, in its own words
    problem = std::move(sent).error();
    target_.cancel();
  }
  co_await until_cancelled();
}

Async<void> ProxyStream::run() {
  using namespace asio::experimental::awaitable_operators;
  std::optional<Error> problem;
  auto ended = co_await (answer(false) || upwards_until_cancelled(problem));
  if (problem && !call_.finished()) co_return fail(*std::move(problem));
  if (ended.index() != 0) co_return fail(Code::cancelled, "context canceled");
  co_return std::get<0>(std::move(ended));
}

Async<void> ProxyStream::answer(bool hold_failure) {
  MECHA_CO_TRY(auto* const head, co_await target_.head());
  if (!net::grpc::is_grpc_type(head->headers.value_or("content-type"))) {
    auto status = net::grpc::not_grpc(*head);
    co_return fail(status.code, std::move(status.message));
  }
  if (head->headers.has("grpc-status")) {
    if (hold_failure && !is_ok(head->headers)) co_return fail(hold(std::move(head->headers)));
    co_return co_await finish_at_once(std::move(*head));
  }
  bool started = false;
  const auto start = [&]() -> Async<void> {
    started = true;
    net::ResponseHead out{.status = 200, .headers = std::move(head->headers)};
    keep_metadata(out.headers);
    out.headers.set("content-type", call_.type());
    return exchange_.start(std::move(out));
  };
  if (!hold_failure) MECHA_CO_TRY_VOID(co_await start());
  for (;;) {
    MECHA_CO_TRY(const auto piece, co_await target_.read());
    if (piece.empty()) break;
    if (!started) MECHA_CO_TRY_VOID(co_await start());
    if (auto fits = down_.feed(piece); !fits) {
      target_.cancel();
      co_return fail(std::move(fits).error());
    }
    MECHA_CO_TRY_VOID(co_await exchange_.write(piece));
  }
  auto trailers = target_.trailers();
  if (trailers.empty()) co_return fail(Code::internal, "server closed the stream without sending trailers");
  if (!started) {
    if (!is_ok(trailers)) co_return fail(hold(std::move(trailers)));
    MECHA_CO_TRY_VOID(co_await start());
  }
  co_return co_await finish(std::move(trailers));
}

}  // namespace mecha::mesh
