// The standard cases of gRPC's interop suite, played by our client: `interop_client --host H --port N --case NAME`.

#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "runtime/async/shards.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/grpc.hpp"
#include "tests/interop/messages.pb.h"

namespace mecha::net::grpc {
namespace {

using namespace std::chrono_literals;
namespace wire = ::grpc::testing;

constexpr std::size_t kMessageMax = 16 << 20;
const std::vector<int> kRequestSizes = {27182, 8, 1828, 45904};
const std::vector<int> kResponseSizes = {31415, 9, 2653, 58979};

Result<void> expect(bool good, std::string_view what) {
  if (good) return {};
  return fail(Code::internal, std::string(what));
}

Async<std::unique_ptr<Call>> start(Client& client, std::string method, Headers metadata = {}, std::chrono::nanoseconds timeout = 10s) {
  co_return co_await open(client, "/grpc.testing.TestService/" + method, std::move(metadata), timeout, kMessageMax);
}

std::string simple(int size, int response_size) {
  wire::SimpleRequest request;
  request.set_response_size(response_size);
  request.mutable_payload()->set_body(std::string(size, '\0'));
  return request.SerializeAsString();
}

std::string streaming(int size, int response_size, int interval_us = 0) {
  wire::StreamingOutputCallRequest request;
  auto* parameters = request.add_response_parameters();
  parameters->set_size(response_size);
  parameters->set_interval_us(interval_us);
  request.mutable_payload()->set_body(std::string(size, '\0'));
  return request.SerializeAsString();
}

Async<Unary> call_unary(Client& client, std::string method, std::string message, Headers metadata = {}) {
  co_return co_await unary(client, std::move(method), std::move(metadata), std::move(message), 10000ms, kMessageMax);
}

const std::string kUnaryCall = "/grpc.testing.TestService/UnaryCall";

Async<void> empty_unary(Client& client) {
  MECHA_CO_TRY(auto answer, co_await call_unary(client, "/grpc.testing.TestService/EmptyCall", ""));
  co_return expect(answer.status.ok() && answer.message.empty(), "the answer is not empty");
}

Async<void> large_unary(Client& client) {
  MECHA_CO_TRY(auto answer, co_await call_unary(client, kUnaryCall, simple(271828, 314159)));
  wire::SimpleResponse response;
  co_return expect(
      answer.status.ok() && response.ParseFromString(answer.message) && response.payload().body() == std::string(314159, '\0'), "not 314159 zeros"
  );
}

Async<void> client_streaming(Client& client) {
  MECHA_CO_TRY(auto call, co_await start(client, "StreamingInputCall"));
  for (const int size : kRequestSizes) {
    wire::StreamingInputCallRequest request;
    request.mutable_payload()->set_body(std::string(size, '\0'));
    MECHA_CO_TRY_VOID(co_await call->write(request.SerializeAsString()));
  }
  MECHA_CO_TRY_VOID(co_await call->finish_writing());
  MECHA_CO_TRY(auto bytes, co_await call->read());
  wire::StreamingInputCallResponse response;
  co_return expect(bytes && response.ParseFromString(*bytes) && response.aggregated_payload_size() == 74922, "not 74922 bytes");
}

Result<void> expect_size(const std::optional<std::string>& bytes, int size) {
  wire::StreamingOutputCallResponse response;
  return expect(bytes && response.ParseFromString(*bytes) && response.payload().body().size() == static_cast<std::size_t>(size), "a wrong size");
}

Async<void> expect_end(Call& call, Code code) {
  MECHA_CO_TRY(auto bytes, co_await call.read());
  co_return expect(!bytes && call.status().code == code, "the call ended with " + std::string(code_name(call.status().code)));
}

Async<void> server_streaming(Client& client) {
  MECHA_CO_TRY(auto call, co_await start(client, "StreamingOutputCall"));
  wire::StreamingOutputCallRequest request;
  for (const int size : kResponseSizes) request.add_response_parameters()->set_size(size);
  MECHA_CO_TRY_VOID(co_await call->write(request.SerializeAsString()));
  MECHA_CO_TRY_VOID(co_await call->finish_writing());
  for (const int size : kResponseSizes) {
    MECHA_CO_TRY(auto bytes, co_await call->read());
    MECHA_CO_TRY_VOID(expect_size(bytes, size));
  }
  co_return co_await expect_end(*call, Code::ok);
}

Async<void> ping_pong(Client& client) {
  MECHA_CO_TRY(auto call, co_await start(client, "FullDuplexCall"));
  for (std::size_t i = 0; i < kRequestSizes.size(); ++i) {
    MECHA_CO_TRY_VOID(co_await call->write(streaming(kRequestSizes[i], kResponseSizes[i])));
    MECHA_CO_TRY(auto bytes, co_await call->read());
    MECHA_CO_TRY_VOID(expect_size(bytes, kResponseSizes[i]));
  }
  MECHA_CO_TRY_VOID(co_await call->finish_writing());
  co_return co_await expect_end(*call, Code::ok);
}

Async<void> empty_stream(Client& client) {
  MECHA_CO_TRY(auto call, co_await start(client, "FullDuplexCall"));
  MECHA_CO_TRY_VOID(co_await call->finish_writing());
  co_return co_await expect_end(*call, Code::ok);
}

// The server sleeps longer than the deadline of the call; either side may notice first.
Async<void> timeout_on_sleeping_server(Client& client) {
  auto answer = co_await unary(client, "/grpc.testing.TestService/StreamingOutputCall", {}, streaming(27182, 1, 500000), 1ms, kMessageMax);
  const Code code = answer ? answer->status.code : answer.error().code;
  co_return expect(
      code == Code::deadline_exceeded, "no deadline but " + std::string(code_name(code)) + ": " + (answer ? answer->status.message : answer.error().message)
  );
}

Async<void> cancel_after_begin(Client& client) {
  MECHA_CO_TRY(auto call, co_await start(client, "StreamingInputCall"));
  call->cancel();
  auto bytes = co_await call->read();
  co_return expect(!bytes || call->status().code == Code::cancelled, "a cancelled call went on");
}

Async<void> cancel_after_first_response(Client& client) {
  MECHA_CO_TRY(auto call, co_await start(client, "FullDuplexCall"));
  MECHA_CO_TRY_VOID(co_await call->write(streaming(27182, 31415)));
  MECHA_CO_TRY(auto bytes, co_await call->read());
  MECHA_CO_TRY_VOID(expect_size(bytes, 31415));
  call->cancel();
  auto more = co_await call->read();
  co_return expect(!more || call->status().code == Code::cancelled, "a cancelled call went on");
}

Async<void> expect_echoed_status(Client& client, std::string text) {
  wire::SimpleRequest request;
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message(text);
  MECHA_CO_TRY(auto answer, co_await call_unary(client, kUnaryCall, request.SerializeAsString()));
  co_return expect(answer.status.code == Code::unknown && answer.status.message == text, "the status came back as " + answer.status.message);
}

Async<void> status_code_and_message(Client& client) { co_return co_await expect_echoed_status(client, "test status message"); }
Async<void> special_status_message(Client& client) {
  co_return co_await expect_echoed_status(client, "\t\ntest with whitespace\r\nand Unicode BMP \u263A and non-BMP \U0001F608\t\n");
}

Async<void> custom_metadata(Client& client) {
  const std::string bytes = encode_bin("\xab\xab\xab");
  Headers metadata{{"x-grpc-test-echo-initial", "test_initial_metadata_value"}, {"x-grpc-test-echo-trailing-bin", bytes}};
  MECHA_CO_TRY(auto answer, co_await call_unary(client, kUnaryCall, simple(271828, 314159), metadata));
  const auto trailer = decode_bin(answer.trailers.value_or("x-grpc-test-echo-trailing-bin"));
  co_return expect(
      answer.headers.value_or("x-grpc-test-echo-initial") == "test_initial_metadata_value" && trailer == "\xab\xab\xab", "the metadata did not come back"
  );
}

Async<void> unimplemented(Client& client, std::string method) {
  MECHA_CO_TRY(auto answer, co_await call_unary(client, std::move(method), ""));
  co_return expect(answer.status.code == Code::unimplemented, "not unimplemented");
}

Async<void> unimplemented_method(Client& client) { co_return co_await unimplemented(client, "/grpc.testing.TestService/UnimplementedCall"); }
Async<void> unimplemented_service(Client& client) { co_return co_await unimplemented(client, "/grpc.testing.UnimplementedService/UnimplementedCall"); }

using Case = Async<void> (*)(Client&);
const std::map<std::string_view, Case> kCases = {
    {"empty_unary", empty_unary},
    {"large_unary", large_unary},
    {"client_streaming", client_streaming},
    {"server_streaming", server_streaming},
    {"ping_pong", ping_pong},
    {"empty_stream", empty_stream},
    {"timeout_on_sleeping_server", timeout_on_sleeping_server},
    {"cancel_after_begin", cancel_after_begin},
    {"cancel_after_first_response", cancel_after_first_response},
    {"status_code_and_message", status_code_and_message},
    {"special_status_message", special_status_message},
    {"custom_metadata", custom_metadata},
    {"unimplemented_method", unimplemented_method},
    {"unimplemented_service", unimplemented_service},
};

asio::awaitable<void> play(Shards& shards, Client& client, Case chosen, Result<void>& result) {
  result = co_await within(20s, chosen(client));
  shards.stop();
}

}  // namespace
}  // namespace mecha::net::grpc

int main(int count, char** words) {
  using namespace mecha;
  std::map<std::string_view, std::string> options;
  for (int i = 1; i + 1 < count; i += 2) options[words[i]] = words[i + 1];
  const auto chosen = net::grpc::kCases.find(options["--case"]);
  if (chosen == net::grpc::kCases.end()) {
    std::fprintf(stderr, "no such case: %s\n", options["--case"].c_str());
    return 2;
  }
  Shards shards(1);
  Result<void> result = fail(Code::internal, "the case did not end");
  {
    net::Client client(shards, {.host = options["--host"], .port = static_cast<std::uint16_t>(std::stoi(options["--port"])), .unix_path = {}}, {.http2 = true});
    asio::co_spawn(shards.executor(0), net::grpc::play(shards, client, chosen->second, result), asio::detached);
    shards.run();
  }
  if (!result) std::fprintf(stderr, "%s\n", result.error().message.c_str());
  return result ? 0 : 1;
}
