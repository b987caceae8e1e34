#include "runtime/net/grpc.hpp"

#include "runtime/net/http2_harness.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace std::chrono_literals;

TEST_CASE("time-outs are read in all units and written in the finest that fits", "[grpc]") {
  CHECK(grpc::parse_timeout("100m") == 100ms);
  CHECK(grpc::parse_timeout("2H") == 2h);
  CHECK(grpc::parse_timeout("1M") == 1min);
  CHECK(grpc::parse_timeout("99999999H") == std::chrono::nanoseconds::max());
  CHECK_FALSE(grpc::parse_timeout("m"));
  CHECK_FALSE(grpc::parse_timeout("5x"));
  CHECK_FALSE(grpc::parse_timeout("-5m"));
  CHECK_FALSE(grpc::parse_timeout("123456789m"));
  CHECK(grpc::format_timeout(0ns) == "0n");
  CHECK(grpc::format_timeout(10ms) == "10000000n");
  CHECK(grpc::format_timeout(1s) == "1000000u");
  CHECK(grpc::format_timeout(1h) == "3600000m");
}

TEST_CASE("messages of a status are percent encoded", "[grpc]") {
  CHECK(grpc::encode_message("plain text") == "plain text");
  CHECK(grpc::encode_message("\t100%\xc3\xa4") == "%09100%25%C3%A4");
  CHECK(grpc::encode_message("\xff") == "%EF%BF%BD");
  CHECK(grpc::decode_message("%09100%25%C3%A4") == "\t100%\xc3\xa4");
  CHECK(grpc::decode_message("%zz%4") == "%zz%4");
}

TEST_CASE("binary values are base64 without padding", "[grpc]") {
  CHECK(grpc::encode_bin(std::string_view("\x00\x01", 2)) == "AAE");
  CHECK(grpc::decode_bin("AAE") == std::string("\x00\x01", 2));
  CHECK(grpc::decode_bin("AAE=") == std::string("\x00\x01", 2));
  CHECK_FALSE(grpc::decode_bin("%%"));
}

TEST_CASE("messages come out of any cut of the bytes", "[grpc]") {
  const auto bytes = grpc::frame("one") + grpc::frame("") + grpc::frame(std::string(1000, 'x'));
  for (const std::size_t step : {1u, 2u, 5u, 7u, 2000u}) {
    grpc::Deframer deframer(0);
    std::vector<std::string> messages;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      REQUIRE(deframer.feed(std::string_view(bytes).substr(at, step)));
      while (auto message = deframer.next()) messages.push_back(*std::move(message));
    }
    CHECK(messages == std::vector<std::string>{"one", "", std::string(1000, 'x')});
    CHECK(deframer.empty());
  }
}

TEST_CASE("a message over the limit is refused by its prefix", "[grpc]") {
  grpc::Deframer deframer(10);
  CHECK(deframer.feed(grpc::frame("0123456789")));
  const auto result = deframer.feed(grpc::frame("0123456789a").substr(0, 5));
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::resource_exhausted);
  CHECK(result.error().message == "grpc: received message larger than max (11 vs. 10)");
}

TEST_CASE("a partial message is seen", "[grpc]") {
  grpc::Deframer deframer(0);
  CHECK(deframer.feed(grpc::frame("abc").substr(0, 6)));
  CHECK_FALSE(deframer.next());
  CHECK_FALSE(deframer.empty());
}

namespace {

using net::testing::Http2Pair;
using net::testing::post;

// What our client says to a service of ours over a socket pair: Call on a ClientCall.
asio::awaitable<void> echo_service(Exchange& exchange) {
  grpc::ServerCall call(exchange, 1000);
  Headers headers;
  headers.add("x-initial", call.metadata().value_or("x-initial", "none"));
  call.set_headers(std::move(headers));
  for (;;) {
    auto message = co_await call.read();
    if (!message) {
      grpc::Status status{.code = message.error().code, .message = message.error().message, .details = {}};
      (void)co_await call.finish(std::move(status));
      co_return;
    }
    if (!*message) break;
    if (**message == "fail") {
      Headers trailers;
      trailers.add("x-more", "yes");
      grpc::Status status{.code = Code::not_found, .message = "100% g\xc3\xb6ne", .details = std::string("\x00\xff", 2)};
      (void)co_await call.finish(std::move(status), std::move(trailers));
      co_return;
    }
    (void)co_await call.write("<" + **message + ">");
  }
  (void)co_await call.finish({});
}

RequestHead head_of_call() {
  auto head = post("/test.Service/Echo");
  head.headers.add("content-type", "application/grpc+proto");
  head.headers.add("te", "trailers");
  return head;
}

std::unique_ptr<grpc::Call> open_call(Http2Pair& pair, RequestHead head = head_of_call(), std::size_t message_max = 0) {
  auto call = pair.run(pair.client->open(std::move(head)));
  REQUIRE(call);
  return std::make_unique<grpc::Call>(*std::move(call), message_max);
}

Async<std::vector<std::string>> all_of(grpc::Call& call) {
  std::vector<std::string> messages;
  for (;;) {
    MECHA_CO_TRY(auto message, co_await call.read());
    if (!message) co_return messages;
    messages.push_back(*std::move(message));
  }
}

}  // namespace

TEST_CASE("messages, metadata and status of a call arrive", "[grpc]") {
  Http2Pair pair(&echo_service);
  auto head = head_of_call();
  head.headers.add("x-initial", "first");
  const auto call = open_call(pair, std::move(head));
  REQUIRE(pair.run(call->write("a")));
  REQUIRE(pair.run(call->write("b")));
  REQUIRE(pair.run(call->finish_writing()));
  const auto headers = pair.run(call->headers());
  REQUIRE(headers);
  CHECK((*headers)->value_or("x-initial") == "first");
  CHECK((*headers)->value_or("content-type") == "application/grpc+proto");
  CHECK((*headers)->value_or("grpc-accept-encoding") == "gzip");
  CHECK(pair.run(all_of(*call)) == std::vector<std::string>{"<a>", "<b>"});
  CHECK(call->status().ok());
}

TEST_CASE("a failure without messages comes behind the headers", "[grpc]") {
  Http2Pair pair(&echo_service);
  const auto call = open_call(pair);
  REQUIRE(pair.run(call->write("fail")));
  const auto headers = pair.run(call->headers());
  REQUIRE(headers);
  CHECK((*headers)->value_or("x-initial") == "none");
  CHECK_FALSE((*headers)->has("grpc-status"));
  CHECK(pair.run(all_of(*call)) == std::vector<std::string>{});
  CHECK(call->status().code == Code::not_found);
  CHECK(call->status().message == "100% g\xc3\xb6ne");
  CHECK(call->status().details == std::string("\x00\xff", 2));
  CHECK(call->trailers().value_or("x-more") == "yes");
}

TEST_CASE("a failure after messages comes in the trailers", "[grpc]") {
  Http2Pair pair(&echo_service);
  const auto call = open_call(pair);
  REQUIRE(pair.run(call->write("a")));
  REQUIRE(pair.run(call->write("fail")));
  CHECK(pair.run(all_of(*call)) == std::vector<std::string>{"<a>"});
  CHECK(call->status().code == Code::not_found);
  CHECK(call->trailers().value_or("x-more") == "yes");
}

namespace {

// Waits in steps, and says what ended each wait.
asio::awaitable<void> stepping_service(Exchange& exchange, grpc::ServerCall** waiting) {
  grpc::ServerCall call(exchange, 1000);
  *waiting = &call;
  (void)co_await call.send_headers();
  std::string seen;
  while (seen.size() < 20) {
    if (call.has_next()) {
      const auto message = co_await call.read();
      REQUIRE(message);
      if (!*message) break;
      seen += "[" + **message + "]";
    } else if (call.arrived()) {
      REQUIRE(co_await call.take_in());
      seen += ".";
    } else if (co_await call.until_arrived()) {
      if (!call.arrived()) seen += "nudged";
    } else {
      co_return;
    }
  }
  (void)co_await call.write(seen);
  (void)co_await call.finish({});
}

}  // namespace

TEST_CASE("a call that waits in steps sees half a message, a nudge, and the end", "[grpc]") {
  grpc::ServerCall* waiting = nullptr;
  Http2Pair pair([&waiting](Exchange& exchange) { return stepping_service(exchange, &waiting); });
  auto opened = pair.run(pair.client->open(head_of_call()));
  REQUIRE(opened);
  auto& raw = **opened;
  const std::string message = grpc::frame("abc");
  REQUIRE(pair.run(raw.write(message.substr(0, 6))));
  REQUIRE(pair.run(raw.head()));
  waiting->nudge();
  REQUIRE(pair.run(raw.write(message.substr(6))));
  REQUIRE(pair.run(raw.finish_writing()));
  grpc::Call call(*std::move(opened), 0);
  const auto seen = pair.run(all_of(call));
  REQUIRE(seen);
  CHECK(*seen == std::vector<std::string>{".nudged.[abc]."});
}

TEST_CASE("messages over the limit are refused on both sides", "[grpc]") {
  Http2Pair pair(&echo_service);
  auto call = open_call(pair);
  REQUIRE(pair.run(call->write(std::string(1001, 'x'))));
  CHECK(pair.run(all_of(*call)) == std::vector<std::string>{});
  CHECK(call->status().code == Code::resource_exhausted);
  CHECK(call->status().message == "grpc: received message larger than max (1001 vs. 1000)");
  call = open_call(pair, head_of_call(), 10);
  REQUIRE(pair.run(call->write(std::string(9, 'x'))));
  CHECK(pair.run(all_of(*call)) == std::vector<std::string>{});
  CHECK(call->status().message == "grpc: received message larger than max (11 vs. 10)");
}

TEST_CASE("an answer that is not gRPC becomes a status by its HTTP status", "[grpc]") {
  Http2Pair pair([](Exchange& exchange) -> asio::awaitable<void> {
    ResponseHead head{.status = 503};
    head.headers.add("content-type", "text/html");
    (void)co_await exchange.respond(std::move(head), "<html>");
  });
  const auto call = open_call(pair);
  CHECK(pair.run(all_of(*call)) == std::vector<std::string>{});
  CHECK(call->status().code == Code::unavailable);
  CHECK(
      call->status().message ==
      "unexpected HTTP status code received from server: 503 (Service Unavailable); "
      "transport: received unexpected content-type \"text/html\""
  );
}

TEST_CASE("a stream that is reset fails as gRPC names it", "[grpc]") {
  Http2Pair pair([](Exchange& exchange) -> asio::awaitable<void> {
    exchange.abort();
    co_return;
  });
  const auto call = open_call(pair);
  const auto message = pair.run(call->read());
  REQUIRE_FALSE(message);
  CHECK(message.error().code == Code::internal);
  CHECK(message.error().message == "stream terminated by RST_STREAM with error code: INTERNAL_ERROR");
}

TEST_CASE("a call knows its deadline", "[grpc]") {
  bool right = false;
  Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
    grpc::ServerCall call(exchange, 0);
    const auto left = *call.deadline() - std::chrono::steady_clock::now();
    right = left > 50s && left <= 60s && call.method() == "/test.Service/Echo";
    (void)co_await call.finish({});
  });
  auto head = head_of_call();
  head.headers.add("grpc-timeout", "1M");
  const auto call = open_call(pair, std::move(head));
  CHECK(pair.run(call->read()));
  CHECK(right);
}

TEST_CASE("a deadline that has passed ends a call whose client keeps its side open, and its handler", "[grpc]") {
  bool gone = false, hooked = false;
  Code status = Code::ok;
  Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
    grpc::ServerCall call(exchange, 0);
    exchange.on_disconnect([&] { hooked = true; });
    const grpc::DeadlineGuard guard(call, co_await asio::this_coro::executor);
    const auto message = co_await call.read();  // nothing is ever sent
    gone = !message;
    status = call.status();
    (void)co_await call.finish({});  // too late to say anything else
  });
  auto head = head_of_call();
  head.headers.add("grpc-timeout", "1n");
  const auto call = open_call(pair, std::move(head));
  const auto message = pair.run(call->read());
  REQUIRE(message);
  CHECK_FALSE(*message);
  CHECK(call->status().code == Code::deadline_exceeded);
  CHECK(call->status().message == "context deadline exceeded");
  pair.settle();
  CHECK(gone);
  CHECK(hooked);
  CHECK(status == Code::deadline_exceeded);
}

TEST_CASE("a failure that is told when the deadline has passed is the deadline's", "[grpc]") {
  for (const auto code : {Code::ok, Code::internal, Code::cancelled}) {
    for (const bool on_the_exchange : {false, true}) {
      Code status = Code::ok;
      Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
        grpc::ServerCall call(exchange, 0);
        const grpc::Status failed{.code = code, .message = "found out before the timer", .details = {}};
        if (on_the_exchange) {
          (void)co_await call.send_headers();
          (void)co_await exchange.finish(call.answered(grpc::status_trailers(failed)));
        } else {
          (void)co_await call.finish(failed);
        }
        status = call.status();
      });
      auto head = head_of_call();
      head.headers.add("grpc-timeout", "1n");
      const auto call = open_call(pair, std::move(head));
      REQUIRE(pair.run(call->read()));
      const auto expected = code == Code::ok ? Code::ok : Code::deadline_exceeded;
      CHECK(status == expected);
      CHECK(call->status().code == expected);
      if (code != Code::ok) CHECK(call->status().message == "context deadline exceeded");
    }
  }
}

TEST_CASE("gzipped messages are unpacked, and no further than the limit", "[grpc]") {
  // gzip of "hello hello hello hello", and of a thousand "a"
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\x01\xe3\x51\x3d\x8d\x17\x00\x00\x00",
      28
  );
  const std::string bomb(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x4c\x1c\x05\xa3\x60\x14\x0c\x77\x00\x00\x03\xda\x38\x9a\xe8\x03\x00\x00",
      29
  );
  const auto compressed = [](std::string_view bytes) {
    auto out = grpc::frame(bytes);
    out[0] = 1;
    return out;
  };
  grpc::Deframer deframer(500);
  deframer.encoding("gzip");
  REQUIRE(deframer.feed(compressed(packed)));
  CHECK(deframer.next() == "hello hello hello hello");
  const auto large = deframer.feed(compressed(bomb));
  REQUIRE_FALSE(large);
  CHECK(large.error().code == Code::resource_exhausted);
  CHECK(large.error().message == "grpc: received message after decompression larger than max 500");
  const auto broken = grpc::Deframer(deframer).feed(compressed(packed.substr(0, 20)));
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == Code::internal);

  grpc::Deframer unknown(500);
  unknown.encoding("snappy");
  const auto result = unknown.feed(compressed(packed));
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::unimplemented);
  CHECK(result.error().message == "grpc: Decompressor is not installed for grpc-encoding \"snappy\"");
}

namespace {

struct UnaryResults {
  Result<grpc::Unary> good, late, failed, refused;
};

asio::awaitable<void> sleepy_service(Exchange& exchange) {
  if (exchange.request().path() == "/test.Service/Sleep") {
    co_await sleep_for(10s);
    co_return;
  }
  co_await echo_service(exchange);
}

asio::awaitable<void> make_calls(Shards& shards, Server& server, UnaryResults* results) {
  const Origin origin{.host = "127.0.0.1", .port = server.port(), .unix_path = {}};
  {
    Client client(shards, origin, {.http2 = true});
    results->good = co_await grpc::unary(client, "/test.Service/Echo", {}, "hi", 5s, 0);
    results->failed = co_await grpc::unary(client, "/test.Service/Echo", {}, "fail", 5s, 0);
    results->late = co_await grpc::unary(client, "/test.Service/Sleep", {}, "hi", 20ms, 0);
  }
  co_await server.stop(0ms);
  Client client(shards, origin, {.http2 = true});
  results->refused = co_await grpc::unary(client, "/test.Service/Echo", {}, "hi", 5s, 0);
  shards.stop();
}

}  // namespace

TEST_CASE("a unary call is one function", "[grpc]") {
  Shards shards(1);
  auto listener = Listener::tcp("127.0.0.1", 0);
  REQUIRE(listener);
  Server server(shards, *std::move(listener), {}, &sleepy_service);
  server.start();
  UnaryResults results;
  {
    Gate gate(shards.executor(0));
    spawn(gate, shards.executor(0), make_calls(shards, server, &results));
    shards.run();
  }
  REQUIRE(results.good);
  CHECK(results.good->status.ok());
  CHECK(results.good->message == "<hi>");
  CHECK(results.good->headers.value_or("x-initial") == "none");
  REQUIRE(results.failed);
  CHECK(results.failed->status.code == Code::not_found);
  CHECK(results.failed->trailers.value_or("x-more") == "yes");
  REQUIRE_FALSE(results.late);
  CHECK(results.late.error().code == Code::deadline_exceeded);
  CHECK(results.late.error().failure == Failure::timeout);
  REQUIRE_FALSE(results.refused);
  CHECK(results.refused.error().code == Code::unavailable);
  CHECK(results.refused.error().failure == Failure::never_sent);
}
