#include <boost/asio/co_spawn.hpp>

#include "runtime/async/event.hpp"
#include "runtime/net/http2_harness.hpp"
#include "tests/echo.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace mecha::net::testing;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> answer_hello(Exchange& exchange) {
  ResponseHead head{.status = 201};
  head.headers.add("X-Method", exchange.request().method);
  head.headers.add("x-target", exchange.request().target);
  head.headers.add("connection", "keep-alive");
  (void)co_await exchange.respond(std::move(head), "hello");
}

asio::awaitable<void> echo(Exchange& exchange) {
  (void)co_await exchange.start({.status = 200});
  if (!co_await mecha::testing::echo_body(exchange)) co_return;
  Headers trailers;
  trailers.add("x-sum", std::to_string(exchange.received_bytes()));
  (void)co_await exchange.finish(std::move(trailers));
}

struct Answer {
  ResponseHead head;
  std::string body;
  Headers trailers;
};

Async<void> send(ClientCall& call, std::string_view body) {
  MECHA_CO_TRY_VOID(co_await call.write(body));
  co_return co_await call.finish_writing();
}

Async<Answer> receive(ClientCall& call) {
  MECHA_CO_TRY(auto* const head, co_await call.head());
  Answer answer;
  answer.head = *head;
  MECHA_CO_TRY(answer.body, co_await read_all(call));
  answer.trailers = call.trailers();
  co_return answer;
}

Async<Answer> fetch(std::shared_ptr<Http2Connection> connection, RequestHead head, std::string body = {}) {
  MECHA_CO_TRY(const auto call, co_await connection->open(std::move(head)));
  if (!body.empty()) MECHA_CO_TRY_VOID(co_await send(*call, body));
  co_return co_await receive(*call);
}

asio::awaitable<void> feed_forever(ClientCall* call, std::uint64_t* written, bool* ended) {
  const std::string piece(10000, 'x');
  while (co_await call->write(piece)) *written += piece.size();
  *ended = true;
}

}  // namespace

TEST_CASE("a request gets its answer", "[http2]") {
  Http2Pair pair(&answer_hello);
  const auto answer = pair.run(fetch(pair.client, get("/a?b=c")));
  REQUIRE(answer);
  CHECK(answer->head.status == 201);
  CHECK(answer->head.headers.value_or("x-method") == "GET");
  CHECK(answer->head.headers.value_or("x-target") == "/a?b=c");
  CHECK(answer->head.content_length == 5u);
  CHECK_FALSE(answer->head.headers.has("connection"));
  CHECK(answer->head.headers.has("date"));
  CHECK(answer->body == "hello");
}

TEST_CASE("a HEAD request gets the length without a body", "[http2]") {
  Http2Pair pair(&answer_hello);
  auto head = get("/");
  head.method = "HEAD";
  const auto answer = pair.run(fetch(pair.client, std::move(head)));
  REQUIRE(answer);
  CHECK(answer->head.content_length == 5u);
  CHECK(answer->body.empty());
}

TEST_CASE("bodies and trailers go both ways", "[http2]") {
  Http2Pair pair(&echo, {.body_bytes_max = 0});
  const std::string body(3 << 20, 'b');
  const auto call = pair.run(pair.client->open(post("/")));
  REQUIRE(call);
  Result<void> sent;
  bool done = false;
  asio::co_spawn(pair.context, send(**call, body), [&](std::exception_ptr, Result<void> result) {
    sent = std::move(result);
    done = true;
  });
  const auto answer = pair.run(receive(**call));
  REQUIRE(answer);
  CHECK(done);
  CHECK(sent);
  CHECK(answer->body == body);
  CHECK(answer->trailers.value_or("x-sum") == std::to_string(body.size()));
}

TEST_CASE("a body that nobody reads stops its sender, and reading lets it go on", "[http2]") {
  std::unique_ptr<Event> gate;
  std::uint64_t read = 0;
  Http2Pair pair(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        co_await gate->wait();
        while (read < 5'000'000) {
          const auto piece = co_await exchange.body().read();
          if (!piece || piece->empty()) co_return;
          read += piece->size();
        }
        (void)co_await exchange.respond({}, "enough");
      },
      {.body_bytes_max = 0}
  );
  gate = std::make_unique<Event>(pair.context.get_executor());
  const auto call = pair.run(pair.client->open(post("/")));
  REQUIRE(call);
  std::uint64_t written = 0;
  bool ended = false;
  asio::co_spawn(pair.context, feed_forever(call->get(), &written, &ended), [](std::exception_ptr) {});
  pair.settle();
  CHECK(written > 100'000);
  CHECK(written < 1'000'000);
  gate->set();
  const auto answer = pair.run(receive(**call));
  REQUIRE(answer);
  CHECK(answer->body == "enough");
  CHECK(written >= 5'000'000);
  // The server ended the stream although the client had more to say.
  pair.settle();
  CHECK(ended);
  gate.reset();
}

TEST_CASE("an answer that nobody reads stops the handler", "[http2]") {
  std::uint64_t written = 0;
  bool failed = false;
  Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
    (void)co_await exchange.start({});
    const std::string piece(10000, 'x');
    while (co_await exchange.write(piece)) written += piece.size();
    failed = true;
  });
  auto call = pair.run(pair.client->open(get("/")));
  REQUIRE(call);
  pair.settle();
  CHECK(written > 100'000);
  CHECK(written < 1'000'000);
  call->reset();
  pair.settle();
  CHECK(failed);
}

TEST_CASE("a call that is dropped fires the hook and fails what the handler does", "[http2]") {
  bool hooked = false;
  Result<std::string_view> read;
  Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
    exchange.on_disconnect([&] { hooked = true; });
    read = co_await exchange.body().read();
  });
  auto call = pair.run(pair.client->open(post("/")));
  REQUIRE(call);
  pair.settle();
  CHECK_FALSE(hooked);
  call->reset();
  pair.settle();
  CHECK(hooked);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Code::unavailable);
}

TEST_CASE("a handler is cancelled with its stream alone", "[http2]") {
  bool thrown = false, after = false;
  Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
    if (exchange.request().target == "/other") co_return co_await answer_hello(exchange);
    exchange.on_disconnect([&exchange] { exchange.cancel_handler(); });
    try {
      co_await sleep_for(60s);
      co_await sleep_for(1ms);
    } catch (const boost::system::system_error& error) {
      thrown = error.code() == asio::error::operation_aborted;
    }
    co_await asio::this_coro::reset_cancellation_state();
    after = co_await sleep_for(1ms);
  });
  auto call = pair.run(pair.client->open(post("/")));
  REQUIRE(call);
  pair.settle();
  call->reset();
  pair.settle();
  CHECK(pair.until([&] { return after; }));
  CHECK(thrown);
  CHECK(pair.run(fetch(pair.client, get("/other"))));
}

TEST_CASE("the hook does not fire after a complete answer", "[http2]") {
  bool hooked = false;
  Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
    exchange.on_disconnect([&] { hooked = true; });
    co_await answer_hello(exchange);
    co_await sleep_for(5ms);
  });
  CHECK(pair.run(fetch(pair.client, get("/"))));
  pair.run(sleep_for(10ms));
  CHECK_FALSE(hooked);
}

TEST_CASE("a handler without an answer, or with half of one, resets the stream", "[http2]") {
  Http2Pair pair([](Exchange& exchange) -> asio::awaitable<void> {
    if (exchange.request().target == "/half") {
      (void)co_await exchange.start({});
      (void)co_await exchange.write("half");
    }
    if (exchange.request().target == "/throw") throw std::runtime_error("a stray one");
  });
  on_stray_exception([](const std::string&) {});
  for (const auto* target : {"/none", "/half", "/throw"}) {
    const auto answer = pair.run(fetch(pair.client, get(target)));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message.ends_with("INTERNAL_ERROR"));
    CHECK(answer.error().failure == Failure::none);
  }
  CHECK(pair.client->usable());
}

TEST_CASE("draining lets the running call end and sends no more to the connection", "[http2]") {
  std::unique_ptr<Event> gate;
  Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
    co_await gate->wait();
    co_await answer_hello(exchange);
  });
  gate = std::make_unique<Event>(pair.context.get_executor());
  const auto call = pair.run(pair.client->open(get("/")));
  REQUIRE(call);
  pair.settle();
  pair.drain(false);
  pair.settle();
  CHECK_FALSE(pair.client->usable());
  CHECK(pair.gate.running() == 1);
  const auto other = pair.run(pair.client->open(get("/")));
  REQUIRE_FALSE(other);
  CHECK(other.error().failure == Failure::never_sent);
  gate->set();
  const auto answer = pair.run(receive(**call));
  REQUIRE(answer);
  CHECK(answer->body == "hello");
  pair.run(pair.stop());
  CHECK(pair.gate.running() == 0);
  gate.reset();
}

TEST_CASE("a call may be the last to let go of a connection that was lost", "[http2]") {
  Http2Pair pair(&echo);
  auto call = pair.run(pair.client->open(post("/")));
  REQUIRE(call);
  pair.settle();
  pair.drain(true);
  pair.client.reset();
  pair.settle();
  CHECK_FALSE(pair.run(receive(**call)));
  call->reset();  // for the address sanitizer; a weak pointer here would keep the memory and hide it
}

TEST_CASE("many calls share a connection", "[http2]") {
  Http2Pair pair(&echo);
  std::size_t right = 0;
  for (int i = 0; i < 500; ++i) {
    const auto text = std::to_string(i);
    asio::co_spawn(pair.context, fetch(pair.client, post("/"), text), [&right, text](std::exception_ptr, Result<Answer> answer) {
      if (answer && answer->body == text) ++right;
    });
  }
  pair.settle();
  CHECK(right == 500);
  CHECK(pair.client->streams() == 0);
}

TEST_CASE("a wait that is cancelled ends and leaves the call usable", "[http2]") {
  std::unique_ptr<Event> gate;
  Http2Pair pair([&](Exchange& exchange) -> asio::awaitable<void> {
    co_await gate->wait();
    co_await answer_hello(exchange);
  });
  gate = std::make_unique<Event>(pair.context.get_executor());
  const auto call = pair.run(pair.client->open(get("/")));
  REQUIRE(call);
  const auto head = pair.run(within(5ms, (*call)->head()));
  REQUIRE_FALSE(head);
  CHECK(head.error().failure == Failure::timeout);
  gate->set();
  CHECK(pair.run(receive(**call)));
  gate.reset();
}

TEST_CASE("100 Continue is sent when the body is read", "[http2]") {
  Http2Pair pair([](Exchange& exchange) -> asio::awaitable<void> {
    auto body = co_await read_all(exchange.body());
    if (body) (void)co_await exchange.respond({}, *std::move(body));
  });
  auto stream = pair.serve();
  // POST / with expect: 100-continue
  const std::string block = std::string("\x83\x86\x84\x41\x01\x61", 6) + std::string("\x00\x06", 2) + "expect" +
                            std::string("\x0c") + "100-continue";
  const auto bytes = hello() + frame(kHeaders, kEndHeaders, 1, block) + frame(kData, kEndStream, 1, "x") +
                     frame(kGoaway, 0, 0, std::string(8, '\0'));
  const auto frames = pair.run(converse(stream, bytes));
  REQUIRE(frames);
  std::vector<std::string> heads;
  for (const auto& each : *frames) {
    if (each.type == kHeaders) heads.push_back(each.payload);
  }
  REQUIRE(heads.size() == 2);
  CHECK(heads[0].size() < 8);  // nothing but a status
}

TEST_CASE("an upgraded request is answered on stream 1", "[http2]") {
  asio::io_context context;
  auto [server_end, client_end] = make_pair(context);
  const ServerOptions options;
  const Handler handler = &answer_hello;
  const bool draining = false;
  Gate gate(context.get_executor());
  SessionContext session{
      .options = options, .handler = handler, .peer = {}, .draining = draining, .on_drain = [](std::function<void(bool)>) {}};
  spawn(gate, context.get_executor(), serve_http2_upgraded(std::move(server_end), {}, {}, get("/up"), std::move(session)));
  const auto bytes = hello() + frame(kGoaway, 0, 0, std::string(8, '\0'));
  const auto frames = mecha::testing::run(context, converse(client_end, bytes));
  REQUIRE(frames);
  bool answered = false;
  for (const auto& each : *frames) {
    if (each.type == kData && each.stream == 1) answered = each.payload == "hello";
  }
  CHECK(answered);
  CHECK(mecha::testing::run(context, gate.close(1s)));
}
