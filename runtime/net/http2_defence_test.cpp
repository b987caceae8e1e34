#include "runtime/async/event.hpp"
#include "runtime/net/http2_harness.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace mecha::net::testing;
using namespace std::chrono_literals;

namespace {

constexpr int kEnhanceYourCalm = 11, kProtocolError = 1, kStreamClosed = 5;

asio::awaitable<void> answer_hello(Exchange& exchange) {
  (void)co_await exchange.respond({}, "hello");
}

Async<unsigned> status_of(std::shared_ptr<Http2Connection> connection, RequestHead head) {
  MECHA_CO_TRY(const auto call, co_await connection->open(std::move(head)));
  MECHA_CO_TRY(auto* const answer, co_await call->head());
  co_return answer->status;
}

asio::awaitable<void> quietly(Async<void> work) { (void)co_await std::move(work); }

Async<std::string> read_once(Stream& stream) {
  std::string piece(64 << 10, '\0');
  MECHA_CO_TRY(const auto count, co_await stream.read_some(piece.data(), piece.size()));
  piece.resize(count);
  co_return piece;
}

// A client of ours whose server is the test.
struct RawServer : Http2Loop {
  explicit RawServer(ClientOptions options = {}) : ends(make_pair(context)), stream(std::move(ends.first)) {
    client = Http2Connection::start(std::move(ends.second), options);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() {
    client->close();
    stream.close();
    settle();
  }
  std::pair<Stream, Stream> ends;
  Stream stream;
  std::shared_ptr<Http2Connection> client;
};

}  // namespace

TEST_CASE("a client that opens and resets streams without end is sent away", "[http2]") {
  std::size_t started = 0;
  Http2Pair pair(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        ++started;
        co_await sleep_for(1ms);
        co_await answer_hello(exchange);
      },
      {.streams_max = 50}
  );
  auto stream = pair.serve();
  auto bytes = hello();
  for (std::uint32_t id = 1; id < 2000; id += 2) {
    bytes += frame(kHeaders, kEndHeaders | kEndStream, id, kGetBlock) + frame(kReset, 0, id, code_bytes(8));
  }
  const auto frames = pair.run(converse(stream, bytes));
  REQUIRE(frames);
  CHECK(goaway_code(*frames) == kEnhanceYourCalm);
  CHECK(started <= 50);
}

TEST_CASE("calls that are given up now and then are no attack", "[http2]") {
  Http2Pair pair([](Exchange& exchange) -> asio::awaitable<void> {
    co_await sleep_for(1ms);
    co_await answer_hello(exchange);
  });
  for (int i = 0; i < 100; ++i) {
    auto call = pair.run(pair.client->open(get("/")));
    REQUIRE(call);
    pair.settle();
    call->reset();
    pair.settle();
  }
  CHECK(pair.client->usable());
  CHECK(pair.run(status_of(pair.client, get("/"))) == 200u);
}

TEST_CASE("many streams are no leave to reset as many", "[http2]") {
  Http2Pair pair(&answer_hello, {.streams_max = 100'000});
  auto stream = pair.serve();
  auto bytes = hello();
  for (std::uint32_t id = 1; id < 2 * 3000; id += 2) {
    bytes += frame(kHeaders, kEndHeaders | kEndStream, id, kGetBlock) + frame(kReset, 0, id, code_bytes(8));
  }
  const auto frames = pair.run(converse(stream, bytes));
  REQUIRE(frames);
  CHECK(goaway_code(*frames) == kEnhanceYourCalm);
}

TEST_CASE("thousands of streams that have lived may be given up at once", "[http2]") {
  std::size_t started = 0;
  Http2Pair pair(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        ++started;
        Event gone(co_await asio::this_coro::executor);
        exchange.on_disconnect([&] { gone.set(); });
        (void)co_await gone.wait();
      },
      {.streams_max = 10'000}
  );
  constexpr std::uint32_t kEnd = 2 * 3000 + 1;
  auto stream = pair.serve();
  auto bytes = hello();
  for (std::uint32_t id = 1; id < kEnd; id += 2) bytes += frame(kHeaders, kEndHeaders | kEndStream, id, kGetBlock);
  REQUIRE(pair.run(stream.write(bytes)));
  pair.run(sleep_for(1100ms));
  CHECK(started == 3000);
  bytes.clear();
  for (std::uint32_t id = 1; id < kEnd; id += 2) bytes += frame(kReset, 0, id, code_bytes(8));
  bytes += frame(kHeaders, kEndHeaders | kEndStream, kEnd, kGetBlock);
  REQUIRE(pair.run(stream.write(bytes)));
  pair.settle();
  CHECK(started == 3001);
}

TEST_CASE("DATA that crossed our resets of many streams ends no other stream", "[http2]") {
  std::size_t started = 0;
  Http2Pair pair(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        ++started;
        co_return exchange.abort();
      },
      {.streams_max = 2000}
  );
  constexpr std::uint32_t kEnd = 2 * 1000 + 1;
  auto stream = pair.serve();
  auto bytes = hello();
  for (std::uint32_t id = 1; id < kEnd; id += 2) bytes += frame(kHeaders, kEndHeaders, id, kGetBlock);
  REQUIRE(pair.run(stream.write(bytes)));
  pair.settle();
  CHECK(started == 1000);
  bytes.clear();
  for (std::uint32_t id = 1; id < kEnd; id += 2) bytes += frame(kData, kEndStream, id, "late");
  bytes += frame(kHeaders, kEndHeaders | kEndStream, kEnd, kGetBlock);
  REQUIRE(pair.run(stream.write(bytes)));
  pair.settle();
  CHECK(started == 1001);
}

TEST_CASE("streams beyond what one connection may keep are refused until there is room", "[http2]") {
  bool go_on = false;
  Http2Pair pair(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        while (!go_on) co_await sleep_for(1ms);
        co_await answer_hello(exchange);
      },
      {.held_bytes_max = 6000}
  );
  std::vector<std::unique_ptr<ClientCall>> calls;
  for (int i = 0; i < 3; ++i) {
    auto head = get("/");
    head.headers.add("x-long", std::string(4000, 'x'));
    auto call = pair.run(pair.client->open(std::move(head)));
    REQUIRE(call);
    calls.push_back(*std::move(call));
  }
  const auto refused = pair.run(calls.back()->head());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().failure == Failure::never_sent);
  go_on = true;
  for (int i = 0; i < 2; ++i) CHECK((*pair.run(calls[i]->head()))->status == 200);
  pair.settle();
  CHECK(pair.run(status_of(pair.client, get("/"))) == 200u);
}

TEST_CASE("answers that their client does not take count, too", "[http2]") {
  constexpr std::size_t kSize = 300'000;  // more than the window of a stream
  Http2Pair pair(
      [](Exchange& exchange) -> asio::awaitable<void> {
        (void)co_await exchange.respond({.status = 200}, std::string(kSize, 'a'));
      },
      {.held_bytes_max = 100'000}
  );
  auto first = pair.run(pair.client->open(get("/")));
  REQUIRE(first);
  REQUIRE(pair.run((*first)->head()));
  pair.settle();
  auto second = pair.run(pair.client->open(get("/")));
  REQUIRE(second);
  const auto refused = pair.run((*second)->head());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().failure == Failure::never_sent);
  CHECK(pair.run(read_all(**first, 0))->size() == kSize);
  pair.settle();
  auto third = pair.run(pair.client->open(get("/")));
  REQUIRE(third);
  CHECK((*pair.run((*third)->head()))->status == 200);
}

TEST_CASE("bodies that nobody reads stay with their sender beyond the limit, and come when they are read", "[http2]") {
  constexpr std::size_t kSize = 100'000, kStreams = 100, kHeld = 1 << 20;
  bool go_on = false;
  std::vector<Exchange*> exchanges;
  std::size_t whole = 0;
  Http2Pair pair(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        exchanges.push_back(&exchange);
        while (!go_on) co_await sleep_for(1ms);
        std::size_t size = 0;
        for (;;) {
          const auto piece = co_await exchange.body().read();
          if (!piece || piece->empty()) break;
          size += piece->size();
        }
        if (size == kSize) ++whole;
        co_await answer_hello(exchange);
      },
      {.held_bytes_max = kHeld}
  );
  std::vector<std::unique_ptr<ClientCall>> calls;
  const auto send = [](ClientCall& call) -> Async<void> {
    MECHA_CO_TRY_VOID(co_await call.write(std::string(kSize, 'b')));
    co_return co_await call.finish_writing();
  };
  Gate senders(pair.context.get_executor());
  for (std::size_t i = 0; i < kStreams; ++i) {
    auto call = pair.run(pair.client->open(post("/")));
    REQUIRE(call);
    calls.push_back(*std::move(call));
  }
  pair.settle();  // they are open: a crowded connection takes no new ones
  for (const auto& call : calls) spawn(senders, pair.context.get_executor(), quietly(send(*call)));
  pair.settle();
  std::uint64_t arrived = 0;
  for (const auto* each : exchanges) arrived += each->received_bytes();
  CHECK(exchanges.size() == kStreams);
  CHECK(arrived > kHeld);
  CHECK(arrived <= kHeld + (4 << 20) + (128 << 10));  // and what the window of the connection lets in
  go_on = true;
  for (const auto& call : calls) {
    const auto head = pair.run(call->head());
    INFO((head ? std::string() : head.error().message));
    REQUIRE(head);
    CHECK((*head)->status == 200);
  }
  CHECK(whole == kStreams);
  pair.run(senders.close(1s));
}

TEST_CASE("a flood of CONTINUATION ends the connection", "[http2]") {
  Http2Pair pair(&answer_hello);
  auto stream = pair.serve();
  auto bytes = hello() + frame(kHeaders, kEndStream, 1, kGetBlock);
  for (int i = 0; i < 1000; ++i) bytes += frame(kContinuation, 0, 1, std::string("\x00\x01x\x01y", 5));
  const auto frames = pair.run(converse(stream, bytes));
  REQUIRE(frames);
  CHECK(goaway_code(*frames) == kEnhanceYourCalm);
}

TEST_CASE("a header bomb ends the connection", "[http2]") {
  Http2Pair pair(&answer_hello);
  auto stream = pair.serve();
  // One large field into the table, then thousands of references to it, one byte each.
  std::string block(kGetBlock);
  block += std::string("\x40\x01x\x7f\xa1\x1e", 6) + std::string(4000, 'v');
  block += std::string(8000, '\xbe');
  const auto frames = pair.run(converse(stream, hello() + frame(kHeaders, kEndHeaders | kEndStream, 1, block)));
  REQUIRE(frames);
  CHECK(goaway_code(*frames) == kEnhanceYourCalm);
}

TEST_CASE("headers over the limit are answered with 431", "[http2]") {
  Http2Pair pair(&answer_hello);
  auto head = get("/");
  head.headers.add("x-long", std::string(9000, 'x'));
  CHECK(pair.run(status_of(pair.client, std::move(head))) == 431u);
  CHECK(pair.run(status_of(pair.client, get("/"))) == 200u);
}

TEST_CASE("a bad escape in the path is a protocol error of the stream", "[http2]") {
  Http2Pair pair(&answer_hello);
  const auto status = pair.run(status_of(pair.client, get("/%zz")));
  REQUIRE_FALSE(status);
  CHECK(status.error().message.ends_with("PROTOCOL_ERROR"));
  CHECK(pair.run(status_of(pair.client, get("/%20"))) == 200u);
}

TEST_CASE("floods of PING and SETTINGS end the connection", "[http2]") {
  Http2Pair pair(&answer_hello);
  for (const bool ping : {true, false}) {
    auto stream = pair.serve();
    auto bytes = hello();
    for (int i = 0; i < 400; ++i) {
      bytes += ping ? frame(kPing, 0, 0, "12345678") : frame(kSettings, 0, 0, {});
    }
    const auto frames = pair.run(converse(stream, bytes));
    REQUIRE(frames);
    CHECK(goaway_code(*frames) == kEnhanceYourCalm);
  }
}

TEST_CASE("frames for a stream that never was are refused", "[http2]") {
  Http2Pair pair(&answer_hello);
  auto stream = pair.serve();
  const auto get_frame = [](std::uint32_t id) { return frame(kHeaders, kEndHeaders | kEndStream, id, kGetBlock); };
  const auto frames = pair.run(converse(stream, hello() + get_frame(5) + get_frame(3)));
  REQUIRE(frames);
  CHECK(goaway_code(*frames) == kProtocolError);
}

TEST_CASE("DATA for a stream that its client has reset is refused, in whatever pieces it comes", "[http2]") {
  Http2Pair pair([](Exchange& exchange) -> asio::awaitable<void> { (void)co_await exchange.body().read(); });
  const auto bytes = hello() + frame(kHeaders, kEndHeaders, 1, kGetBlock) + frame(kReset, 0, 1, code_bytes(8)) +
                     frame(kData, kEndStream, 1, "test");
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    auto stream = pair.serve();
    REQUIRE(pair.run(stream.write(std::string_view(bytes).substr(0, cut))));
    pair.settle();
    const auto frames = pair.run(converse(stream, bytes.substr(cut)));
    INFO("the first piece has " << cut << " bytes");
    REQUIRE(frames);
    CHECK(goaway_code(*frames) == kStreamClosed);
  }
}

TEST_CASE("heads that do not come in time end the connection", "[http2]") {
  Http2Pair pair(&answer_hello, {.header_timeout = 20ms});
  for (const auto& bytes : {std::string(), hello() + frame(kHeaders, kEndStream, 1, kGetBlock)}) {
    auto stream = pair.serve();
    const auto began = std::chrono::steady_clock::now();
    CHECK(pair.run(converse(stream, bytes)));
    CHECK(std::chrono::steady_clock::now() - began < 2s);
  }
  pair.run(sleep_for(30ms));
  CHECK(pair.run(status_of(pair.client, get("/"))) == 200u);
}

TEST_CASE("an idle connection closes after its time", "[http2]") {
  Http2Pair pair(&answer_hello, {.idle_timeout = 20ms});
  CHECK(pair.run(status_of(pair.client, get("/"))) == 200u);
  CHECK(pair.until([&] { return !pair.client->usable(); }));
}

TEST_CASE("a client that takes no byte of an answer loses the stream", "[http2]") {
  bool failed = false;
  Http2Pair pair(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        (void)co_await exchange.start({});
        const std::string piece(50000, 'x');
        while (co_await exchange.write(piece)) {
        }
        failed = true;
      },
      {.write_timeout = 20ms}
  );
  const auto call = pair.run(pair.client->open(get("/")));
  REQUIRE(call);
  CHECK(pair.until([&] { return failed; }));
  CHECK(pair.client->usable());
}

TEST_CASE("a body over the limit fails to be read", "[http2]") {
  Result<std::string_view> read;
  Http2Pair pair(
      [&](Exchange& exchange) -> asio::awaitable<void> {
        do read = co_await exchange.body().read();
        while (read && !read->empty());
        (void)co_await exchange.respond({.status = 400}, "no");
      },
      {.body_bytes_max = 1000}
  );
  const auto call = pair.run(pair.client->open(post("/")));
  REQUIRE(call);
  CHECK(pair.run((*call)->write(std::string(1001, 'x'))));
  const auto head = pair.run((*call)->head());
  REQUIRE(head);
  CHECK((*head)->status == 400);
  REQUIRE_FALSE(read);
  CHECK(read.error().failure == Failure::body_too_large);
  CHECK(read.error().message == "stream too large");
}

TEST_CASE("a small request leaves in one write", "[http2]") {
  RawServer server;
  CHECK(server.run(read_once(server.stream)));  // preface and settings
  const auto call = server.run(server.client->open(post("/")));
  REQUIRE(call);
  const auto whole = [](ClientCall& each) -> Async<void> {
    MECHA_CO_TRY_VOID(co_await each.write("abc"));
    MECHA_CO_TRY_VOID(co_await each.write("def"));
    co_return co_await each.finish_writing();
  };
  CHECK(server.run(whole(**call)));
  const auto bytes = server.run(read_once(server.stream));
  REQUIRE(bytes);
  const auto frames = frames_of(*bytes);
  REQUIRE(frames->size() == 2);
  CHECK((*frames)[0].type == kHeaders);
  CHECK((*frames)[1].payload == "abcdef");
  CHECK((*frames)[1].flags == kEndStream);
}

TEST_CASE("a stream behind the last one of a GOAWAY was never sent", "[http2]") {
  RawServer server;
  const auto first = server.run(server.client->open(get("/")));
  const auto second = server.run(server.client->open(get("/")));
  REQUIRE(second);
  server.settle();
  CHECK(server.run(server.stream.write(frame(kSettings, 0, 0, {}) + frame(kGoaway, 0, 0, code_bytes(1) + code_bytes(0)))));
  const auto head = server.run((*second)->head());
  REQUIRE_FALSE(head);
  CHECK(head.error().failure == Failure::never_sent);
  CHECK_FALSE(server.client->usable());
  // The first may have been processed: its end is unknown.
  CHECK(server.run(read_once(server.stream)));
  server.settle();
  server.stream.close();
  const auto lost = server.run((*first)->head());
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == Code::unavailable);
  CHECK(lost.error().failure == Failure::none);
  CHECK(lost.error().message == "error reading from server: EOF");
}

TEST_CASE("a refused stream was never sent", "[http2]") {
  RawServer server;
  const auto call = server.run(server.client->open(get("/")));
  REQUIRE(call);
  server.settle();
  CHECK(server.run(server.stream.write(frame(kSettings, 0, 0, {}) + frame(kReset, 0, 1, code_bytes(7)))));
  const auto head = server.run((*call)->head());
  REQUIRE_FALSE(head);
  CHECK(head.error().failure == Failure::never_sent);
  CHECK(server.client->usable());
}

TEST_CASE("a peer that answers no ping is given up", "[http2]") {
  bool closed = false;
  RawServer server({.ping_interval = 10ms, .ping_timeout = 10ms});
  server.client->on_closed([&] { closed = true; });
  const auto call = server.run(server.client->open(get("/")));
  REQUIRE(call);
  const auto head = server.run((*call)->head());
  REQUIRE_FALSE(head);
  CHECK(head.error().message == "error reading from server: keepalive ping failed to receive ACK within timeout");
  CHECK(closed);
}
