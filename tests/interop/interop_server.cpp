// The test service of gRPC's interop suite on our HTTP/2 and gRPC framing: `interop_server --port N`.

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/async/shards.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/grpc.hpp"
#include "runtime/net/server.hpp"
#include "tests/interop/messages.pb.h"

namespace mecha::net::grpc {
namespace {

namespace wire = ::grpc::testing;

constexpr std::size_t kMessageMax = 16 << 20;
constexpr std::string_view kService = "/grpc.testing.TestService/";

Status status_of(const wire::EchoStatus& wanted) {
  return {.code = static_cast<Code>(wanted.code()), .message = wanted.message(), .details = {}};
}

template <class Message>
Result<Message> parse(const std::string& bytes) {
  Message message;
  if (!message.ParseFromString(bytes)) return fail(Code::internal, "a message does not parse");
  return message;
}

// Custom metadata of the caller: one key comes back in the headers, one in the trailers.
Headers echoed(const ServerCall& call, std::string_view key) {
  Headers out;
  for (const auto value : call.metadata().all(key)) out.add(key, value);
  return out;
}

Async<void> finish(ServerCall& call, Status status) {
  co_return co_await call.finish(std::move(status), echoed(call, "x-grpc-test-echo-trailing-bin"));
}

Async<void> send_all(ServerCall& call, wire::StreamingOutputCallRequest request) {
  for (const auto& parameters : request.response_parameters()) {
    if (parameters.interval_us() > 0) co_await sleep_for(std::chrono::microseconds(parameters.interval_us()));
    wire::StreamingOutputCallResponse response;
    response.mutable_payload()->set_body(std::string(parameters.size(), '\0'));
    MECHA_CO_TRY_VOID(co_await call.write(response.SerializeAsString()));
  }
  co_return Result<void>{};
}

Async<void> unary(ServerCall& call) {
  MECHA_CO_TRY(auto bytes, co_await call.read());
  MECHA_CO_TRY(auto request, parse<wire::SimpleRequest>(bytes.value_or("")));
  if (request.response_status().code() != 0) co_return co_await finish(call, status_of(request.response_status()));
  wire::SimpleResponse response;
  response.mutable_payload()->set_body(std::string(request.response_size(), '\0'));
  MECHA_CO_TRY_VOID(co_await call.write(response.SerializeAsString()));
  co_return co_await finish(call, {});
}

Async<void> input(ServerCall& call) {
  std::size_t total = 0;
  while (true) {
    MECHA_CO_TRY(auto bytes, co_await call.read());
    if (!bytes) break;
    MECHA_CO_TRY(auto request, parse<wire::StreamingInputCallRequest>(*bytes));
    total += request.payload().body().size();
  }
  wire::StreamingInputCallResponse response;
  response.set_aggregated_payload_size(static_cast<std::int32_t>(total));
  MECHA_CO_TRY_VOID(co_await call.write(response.SerializeAsString()));
  co_return co_await finish(call, {});
}

// One request and its stream of answers, or request after request until the client ends: the two are one loop.
Async<void> output(ServerCall& call) {
  MECHA_CO_TRY_VOID(co_await call.send_headers());
  while (true) {
    MECHA_CO_TRY(auto bytes, co_await call.read());
    if (!bytes) break;
    MECHA_CO_TRY(auto request, parse<wire::StreamingOutputCallRequest>(*bytes));
    if (request.response_status().code() != 0) co_return co_await finish(call, status_of(request.response_status()));
    MECHA_CO_TRY_VOID(co_await send_all(call, std::move(request)));
  }
  co_return co_await finish(call, {});
}

Async<void> dispatch(ServerCall& call) {
  call.set_headers(echoed(call, "x-grpc-test-echo-initial"));
  const std::string_view method = call.method();
  const std::string_view name = method.starts_with(kService) ? method.substr(kService.size()) : "";
  if (name == "EmptyCall") {
    MECHA_CO_TRY_VOID(co_await call.write(""));
    co_return co_await finish(call, {});
  }
  if (name == "UnaryCall" || name == "CacheableUnaryCall") co_return co_await unary(call);
  if (name == "StreamingInputCall") co_return co_await input(call);
  if (name == "StreamingOutputCall" || name == "FullDuplexCall") co_return co_await output(call);
  co_return co_await call.finish({.code = Code::unimplemented, .message = "unknown method " + std::string(method), .details = {}});
}

asio::awaitable<void> handle(Exchange& exchange) {
  if (!is_grpc(exchange.request())) {
    auto answered = co_await exchange.respond({.status = 415, .headers = {}, .content_length = {}}, "");
    if (!answered) exchange.abort();
    co_return;
  }
  ServerCall call(exchange, kMessageMax);
  auto done = co_await dispatch(call);
  if (!done && !call.finished()) {
    auto ended = co_await call.finish({.code = done.error().code, .message = done.error().message, .details = {}});
    if (!ended) exchange.abort();
  }
}

}  // namespace
}  // namespace mecha::net::grpc

int main(int count, char** words) {
  std::uint16_t port = 0;
  if (count == 3) std::from_chars(words[2], words[2] + std::string_view(words[2]).size(), port);
  auto listener = mecha::net::Listener::tcp("127.0.0.1", port);
  if (!listener) {
    std::fprintf(stderr, "%s\n", listener.error().message.c_str());
    return 1;
  }
  mecha::Shards shards(1);
  mecha::net::ServerOptions options;
  options.body_bytes_max = 0;
  mecha::net::Server server(shards, std::move(*listener), options, mecha::net::grpc::handle);
  server.start();
  shards.run();
  return 0;
}
