#include <atomic>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "runtime/async/within.hpp"
#include "runtime/net/client.hpp"
#include "runtime/net/wire_test.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace mecha::net::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

RequestHead request(std::string method = "GET", std::string target = "/") {
  RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  return head;
}

// A client on a shard that the test drives itself.
struct Caller {
  explicit Caller(std::uint16_t port, ClientOptions options = {})
      : client(std::make_unique<Client>(shards, Origin{"127.0.0.1", port, {}}, std::move(options))) {}
  ~Caller() {
    client.reset();
    shards.context(0).restart();
    shards.context(0).poll();
  }
  Result<Response> fetch(RequestHead head, std::string body = {}, std::chrono::milliseconds limit = 5s) {
    return mecha::testing::run(shards.context(0), client->fetch(std::move(head), std::move(body), limit));
  }
  template <class T>
  T run(asio::awaitable<T> work) {
    return mecha::testing::run(shards.context(0), std::move(work));
  }

  Shards shards{1};
  std::unique_ptr<Client> client;
};

void answer_once(Raw& raw) {
  raw.read_until("\r\n\r\n");
  raw.send(kOk);
}

// A part that answers every request of its connection.
void answer_all(Raw& raw) {
  while (raw.read_until("\r\n\r\n").ends_with("\r\n\r\n")) raw.send(kOk);
}

std::uint16_t closed_port() { return Listener::tcp("127.0.0.1", 0)->port(); }

}  // namespace

TEST_CASE("a request goes out with host, canonical names and length", "[net][client]") {
  std::string seen;
  ScriptedPeer peer({[&](Raw& raw) {
    seen = raw.read_until("abc");
    raw.send(kOk);
  }});
  Caller caller(peer.port());
  auto head = request("POST", "/a b?c");
  head.headers.add("x-lower", "1");
  const auto answer = caller.fetch(std::move(head), "abc");
  REQUIRE(answer);
  CHECK(answer->head.status == 200);
  CHECK(answer->body == "ok");
  CHECK(seen == "POST /a%20b?c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(peer.port()) +
                    "\r\nX-Lower: 1\r\nContent-Length: 3\r\n\r\nabc");
}

TEST_CASE("connections are used again", "[net][client]") {
  ScriptedPeer peer({answer_all, answer_all});
  Caller caller(peer.port());
  for (int i = 0; i < 3; ++i) CHECK(caller.fetch(request())->body == "ok");
  CHECK(peer.accepted() == 1);
  caller.client->drop_connections();
  CHECK(caller.fetch(request())->body == "ok");
  CHECK(peer.accepted() == 2);
}

TEST_CASE("a refused connection has the reference's words and was never sent", "[net][client]") {
  const auto port = closed_port();
  Caller caller(port);
  const auto answer = caller.fetch(request());
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Code::unavailable);
  CHECK(answer.error().failure == Failure::never_sent);
  CHECK(answer.error().message ==
        "dial tcp 127.0.0.1:" + std::to_string(port) + ": connect: connection refused");
}

TEST_CASE("a missing Unix socket has the reference's words", "[net][client]") {
  Shards shards(1);
  {
    Client client(shards, Origin{{}, 0, "/nowhere/x.sock"}, {});
    const auto answer = mecha::testing::run(shards.context(0), client.fetch(request(), {}, 5s));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message == "dial unix /nowhere/x.sock: connect: no such file or directory");
  }
  shards.context(0).poll();
}

TEST_CASE("names are resolved away from the event loop", "[net][client]") {
  ScriptedPeer peer({answer_once});
  Shards shards(1);
  {
    Client client(shards, Origin{"localhost", peer.port(), {}}, {});
    CHECK(mecha::testing::run(shards.context(0), client.fetch(request(), {}, 5s))->body == "ok");
    Client nowhere(shards, Origin{"name.invalid", 80, {}}, {.connect_timeout = 3000ms});
    const auto answer = mecha::testing::run(shards.context(0), nowhere.fetch(request(), {}, 5s));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message.starts_with("dial tcp: lookup name.invalid: "));
    CHECK(answer.error().failure == Failure::never_sent);
  }
  shards.context(0).poll();
}

TEST_CASE("a request on a used connection that ends without a word is sent once more", "[net][client]") {
  SECTION("closed while it waited in the pool") {
    std::atomic<bool> closed = false;
    ScriptedPeer peer({[&](Raw& raw) {
      answer_once(raw);
      raw.half_close();
      closed = true;
    }, answer_once});
    Caller caller(peer.port());
    CHECK(caller.fetch(request())->body == "ok");
    REQUIRE(mecha::testing::eventually([&] { return closed.load(); }));
    caller.run([]() -> asio::awaitable<bool> { co_return co_await sleep_for(20ms); }());
    CHECK(caller.fetch(request("POST"), "body")->body == "ok");
    CHECK(peer.accepted() == 2);
  }
  SECTION("closed when the request had arrived: only what is safe goes again") {
    const auto close_second = [](Raw& raw) {
      answer_once(raw);
      raw.read_until("\r\n\r\n");
    };
    ScriptedPeer peer({close_second, close_second, answer_once});
    Caller caller(peer.port());
    CHECK(caller.fetch(request())->body == "ok");
    CHECK(caller.fetch(request())->body == "ok");
    const auto refused = caller.fetch(request("POST"), "body");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::unavailable);
    CHECK(refused.error().failure == Failure::none);
    CHECK(peer.accepted() == 2);
    CHECK(caller.fetch(request())->body == "ok");
  }
  SECTION("only once") {
    ScriptedPeer peer({[](Raw& raw) {
                         answer_once(raw);
                         raw.read_until("\r\n\r\n");
                       },
                       [](Raw& raw) { raw.read_until("\r\n\r\n"); }});
    Caller caller(peer.port());
    CHECK(caller.fetch(request())->body == "ok");
    const auto refused = caller.fetch(request());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "EOF");
  }
}

TEST_CASE("an answer that fails at any step is an error, and the next call works", "[net][client]") {
  const std::string whole =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: t\r\n\r\n";
  std::vector<ScriptedPeer::Part> parts;
  for (std::size_t step = 0; step < whole.size(); ++step) {
    parts.push_back([&whole, step](Raw& raw) {
      raw.read_until("\r\n\r\n");
      raw.send(whole.substr(0, step));
      if (step % 2 == 0) raw.half_close();
    });
  }
  parts.push_back([&whole](Raw& raw) {
    raw.read_until("\r\n\r\n");
    raw.send(whole);
  });
  ScriptedPeer peer(parts);
  Caller caller(peer.port());
  for (std::size_t step = 0; step < whole.size(); ++step) {
    const auto answer = caller.fetch(request());
    INFO(step);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == Code::unavailable);
  }
  const auto answer = caller.fetch(request());
  REQUIRE(answer);
  CHECK(answer->body == "ok");
  CHECK(answer->trailers.get("x-t") == "t");
}

TEST_CASE("malformed and oversized answers are errors", "[net][client]") {
  ClientOptions options;
  options.response_header_bytes_max = 4096;
  const auto say = [](std::string text) {
    return [text](Raw& raw) {
      raw.read_until("\r\n\r\n");
      raw.send(text);
    };
  };
  ScriptedPeer peer({say("HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"),
                     say("SSH-2.0-x\r\n\r\n"),
                     say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
                     say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")});
  Caller caller(peer.port(), options);
  CHECK(caller.fetch(request()).error().message == "net/http: server response headers exceeded 4096 bytes; aborted");
  CHECK(caller.fetch(request()).error().message == "net/http: malformed HTTP response");
  CHECK(caller.fetch(request()).error().message == "net/http: malformed HTTP response");
  CHECK_FALSE(caller.fetch(request()).has_value());
}

TEST_CASE("answers without a length end with their connection; 1xx are passed over", "[net][client]") {
  ScriptedPeer peer({[](Raw& raw) {
                       raw.read_until("\r\n\r\n");
                       raw.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\n\r\nall of it");
                     },
                     answer_once});
  Caller caller(peer.port());
  const auto answer = caller.fetch(request());
  REQUIRE(answer);
  CHECK(answer->head.status == 201);
  CHECK_FALSE(answer->head.headers.has("link"));
  CHECK(answer->body == "all of it");
  CHECK(caller.fetch(request())->body == "ok");
  CHECK(peer.accepted() == 2);
}

TEST_CASE("a fetch ends in its time and its connection is not used again", "[net][client]") {
  ScriptedPeer peer({[](Raw& raw) { raw.read_all(); }, answer_once});
  Caller caller(peer.port());
  const auto answer = caller.fetch(request(), {}, 50ms);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().failure == Failure::timeout);
  CHECK(caller.fetch(request())->body == "ok");
}

TEST_CASE("over the connection limit calls wait for each other", "[net][client]") {
  ClientOptions options;
  options.connections_max = 1;
  ScriptedPeer peer({answer_all});
  Caller caller(peer.port(), options);
  int done = 0;
  const auto one = [](Client& client, int* count) -> asio::awaitable<void> {
    const auto answer = co_await client.fetch(request(), {}, 5s);
    if (answer && answer->body == "ok") ++*count;
  };
  for (int i = 0; i < 10; ++i) {
    asio::co_spawn(caller.shards.context(0), one(*caller.client, &done), asio::detached);
  }
  caller.shards.context(0).restart();
  while (done < 10 && caller.shards.context(0).run_one_for(5s) > 0) {
  }
  CHECK(done == 10);
  CHECK(peer.accepted() == 1);
}

TEST_CASE("a caller that gives up waiting leaves the queue", "[net][client]") {
  ClientOptions options;
  options.connections_max = 1;
  std::atomic<bool> gave_up = false;
  ScriptedPeer peer({[&gave_up](Raw& raw) {
    raw.read_until("\r\n\r\n");
    (void)mecha::testing::eventually([&] { return gave_up.load(); });
    raw.send(kOk);
    answer_all(raw);
  }});
  Caller caller(peer.port(), options);
  bool first = false, second = true;
  const auto one = [](Client& client, std::chrono::milliseconds limit, bool* fine, std::atomic<bool>* over) -> asio::awaitable<void> {
    *fine = (co_await client.fetch(request(), {}, limit)).has_value();
    *over = true;
  };
  std::atomic<bool> answered = false;
  asio::co_spawn(caller.shards.context(0), one(*caller.client, 5s, &first, &answered), asio::detached);
  asio::co_spawn(caller.shards.context(0), one(*caller.client, 30ms, &second, &gave_up), asio::detached);
  caller.shards.context(0).restart();
  while (!first && caller.shards.context(0).run_one_for(5s) > 0) {
  }
  CHECK(first);
  CHECK_FALSE(second);
  CHECK(caller.fetch(request())->body == "ok");
}

TEST_CASE("idle connections are closed after their time", "[net][client]") {
  ClientOptions options;
  options.idle_timeout = 30ms;
  std::atomic<bool> ended = false;
  ScriptedPeer peer({[&](Raw& raw) {
    answer_all(raw);
    ended = true;
  }});
  Caller caller(peer.port(), options);
  CHECK(caller.fetch(request())->body == "ok");
  caller.run([]() -> asio::awaitable<bool> { co_return co_await sleep_for(80ms); }());
  CHECK(mecha::testing::eventually([&] { return ended.load(); }));
}

TEST_CASE("bodies of unknown length are sent in chunks as they come", "[net][client]") {
  std::string seen;
  ScriptedPeer peer({[&](Raw& raw) {
    seen = raw.read_until("0\r\n\r\n");
    raw.send(kOk);
  }});
  Caller caller(peer.port());
  const auto work = [](Client& client) -> Async<std::string> {
    auto head = request("POST");
    head.has_body = true;
    MECHA_CO_TRY(auto call, co_await client.open(std::move(head)));
    MECHA_CO_TRY_VOID(co_await call->write("abc"));
    MECHA_CO_TRY_VOID(co_await call->write("defg"));
    MECHA_CO_TRY_VOID(co_await call->finish_writing());
    MECHA_CO_TRY(const auto* answer, co_await call->head());
    CHECK(answer->status == 200);
    co_return co_await read_all(*call);
  };
  CHECK(caller.run(work(*caller.client)).value() == "ok");
  CHECK(seen.ends_with("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"));
}

TEST_CASE("a body that differs from its declared length fails", "[net][client]") {
  ScriptedPeer peer({[](Raw& raw) { raw.read_all(); }, [](Raw& raw) { raw.read_all(); }});
  Caller caller(peer.port());
  const auto work = [](Client& client, std::string body) -> Async<void> {
    auto head = request("POST");
    head.has_body = true;
    head.content_length = 3;
    MECHA_CO_TRY(auto call, co_await client.open(std::move(head)));
    MECHA_CO_TRY_VOID(co_await call->write(body));
    co_return co_await call->finish_writing();
  };
  CHECK_FALSE(caller.run(work(*caller.client, "ab")).has_value());
  CHECK_FALSE(caller.run(work(*caller.client, "abcd")).has_value());
}

TEST_CASE("an answer before the end of the request body is seen", "[net][client]") {
  ScriptedPeer peer({[](Raw& raw) {
    raw.read_until("\r\n\r\n");
    raw.send("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy");
    raw.half_close();
    raw.read_all();
  }});
  Caller caller(peer.port());
  const auto answer = caller.fetch(request("POST"), std::string(8 << 20, 'x'));
  REQUIRE(answer);
  CHECK(answer->head.status == 429);
  CHECK(answer->body == "busy");
}

TEST_CASE("large bodies go both ways through our own server", "[net][client]") {
  ServerOptions options;
  options.body_bytes_max = 0;
  TestServer server(
      [](Exchange& exchange) -> asio::awaitable<void> {
        (void)co_await exchange.start(ResponseHead{});
        for (;;) {
          const auto piece = co_await exchange.body().read();
          if (!piece) co_return exchange.abort();
          if (piece->empty()) break;
          (void)co_await exchange.write(*piece);
        }
        (void)co_await exchange.finish();
      },
      options
  );
  for (const bool http2 : {false, true}) {
    ClientOptions wanted;
    wanted.http2 = http2;
    Caller caller(server.port(), wanted);
    const auto send = [](ClientCall& call, std::string* text) -> Async<void> {
      MECHA_CO_TRY_VOID(co_await call.write(*text));
      co_return co_await call.finish_writing();
    };
    const auto receive = [](ClientCall& call) -> Async<std::string> {
      MECHA_CO_TRY_VOID(co_await call.head());
      co_return co_await read_all(call);
    };
    std::string text(8 << 20, 'x');
    for (std::size_t i = 0; i < text.size(); i += 1000) text[i] = static_cast<char>('a' + i % 26);
    const auto work = [&](Client& client) -> Async<std::string> {
      using namespace asio::experimental::awaitable_operators;
      auto head = request("POST");
      head.has_body = true;
      MECHA_CO_TRY(auto call, co_await client.open(std::move(head)));
      auto both = co_await (send(*call, &text) && receive(*call));
      if (!std::get<0>(both)) co_return fail(std::get<0>(both).error());
      co_return std::get<1>(std::move(both));
    };
    const auto back = caller.run(work(*caller.client));
    REQUIRE(back.has_value());
    CHECK(*back == text);
  }
}
