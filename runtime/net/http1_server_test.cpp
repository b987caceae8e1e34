#include <atomic>

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "runtime/async/within.hpp"
#include "runtime/net/wire_test.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace mecha::net::testing;
using namespace std::chrono_literals;

namespace {

ResponseHead head_of(unsigned status, Headers headers = {}) {
  ResponseHead head;
  head.status = status;
  head.headers = std::move(headers);
  return head;
}

// "<method> <target> <body>", or the error of the body.
asio::awaitable<void> echo(Exchange& exchange) {
  auto body = co_await read_all(exchange.body());
  auto text = exchange.request().method + " " + exchange.request().target + " ";
  text += body ? *body : "error: " + body.error().message;
  (void)co_await exchange.respond(head_of(body ? 200 : 500), text);
}

asio::awaitable<void> ignore_body(Exchange& exchange) {
  (void)co_await exchange.respond(head_of(200), "ok");
}

asio::awaitable<void> by_path(Exchange& exchange) {
  const auto path = exchange.request().path();
  if (path == "/204") {
    (void)co_await exchange.respond(head_of(204), "never seen");
  } else if (path == "/headers") {
    (void)co_await exchange.respond(
        head_of(600, {{"metadata.x", "1"}, {"traceparent", "t"}, {"x-bad", "a\r\nSet-Cookie: b"},
                      {"bad name", "x"}, {"Content-Length", "9"}, {"transfer-encoding", "x"}}), "abc"
    );
  } else if (path == "/silent") {
    co_return;
  } else if (path == "/chunks" || path == "/length") {
    auto head = head_of(200);
    if (path == "/length") head.content_length = 6;
    (void)co_await exchange.start(std::move(head));
    (void)co_await exchange.write("abc");
    (void)co_await exchange.write("");
    (void)co_await exchange.write("def");
    (void)co_await exchange.finish();
  } else if (path == "/short") {
    auto head = head_of(200);
    head.content_length = 6;
    (void)co_await exchange.start(std::move(head));
    (void)co_await exchange.write("abc");
    (void)co_await exchange.finish();
  } else if (path == "/whole-in-chunks") {
    auto head = head_of(200);
    head.chunked = true;
    (void)co_await exchange.respond(std::move(head), "abc");
  } else if (path == "/head-first") {
    (void)co_await exchange.start(head_of(200));
    co_await sleep_for(10s);
  } else if (path == "/throw") {
    throw std::runtime_error("thrown by a test");
  } else {
    exchange.close_after();
    (void)co_await exchange.respond(head_of(200), "bye");
  }
}

std::string body_of(const std::string& answer) {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string::npos ? std::string() : answer.substr(end + 4);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string get(std::string_view target, std::string_view fields = "") {
  return std::string("GET ").append(target).append(" HTTP/1.1\r\nHost: a\r\n").append(fields).append("\r\n");
}

}  // namespace

TEST_CASE("an answer has a date, a length and canonical names", "[net][http1]") {
  TestServer server(by_path);
  const auto answer = server.talk(get("/headers", "Connection: close\r\n"));
  CHECK(answer.starts_with("HTTP/1.1 600 status code 600\r\nMetadata.x: 1\r\nTraceparent: t\r\n"));
  CHECK(has(answer, "X-Bad: a  Set-Cookie: b\r\nDate: "));
  CHECK(has(answer, " GMT\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"));
  CHECK_FALSE(has(answer, "bad name"));
  CHECK_FALSE(has(answer, "ransfer"));
}

TEST_CASE("one connection serves requests one after another and in a pipeline", "[net][http1]") {
  TestServer server(echo);
  auto raw = Raw::dial(server.port());
  raw.send(get("/1"));
  CHECK(body_of(raw.read_until("GET /1 ")) == "GET /1 ");
  raw.send("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + get("/3") +
           "\r\nPOST /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n" +
           get("/5", "Connection: close\r\n"));
  const auto answers = raw.read_all();
  CHECK(raw.ended());
  const auto second = answers.find("POST /2 abc"), third = answers.find("GET /3 ");
  const auto fourth = answers.find("POST /4 de"), fifth = answers.find("GET /5 ");
  CHECK(second < third);
  CHECK(third < fourth);
  CHECK(fourth < fifth);
  CHECK(fifth != std::string::npos);
}

TEST_CASE("an old client gets its connection closed unless it asks", "[net][http1]") {
  TestServer server(by_path);
  const auto answer = server.talk("GET /chunks HTTP/1.0\r\n\r\n");
  CHECK(has(answer, "Connection: close\r\n\r\nabcdef"));
  CHECK_FALSE(has(answer, "chunked"));
  auto raw = Raw::dial(server.port());
  raw.send("GET /204 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(has(raw.read_until("\r\n\r\n"), "Connection: keep-alive\r\n"));
}

TEST_CASE("answers without a body have no length, and HEAD has one without the body", "[net][http1]") {
  TestServer server(by_path);
  auto raw = Raw::dial(server.port());
  raw.send(get("/204"));
  const auto none = raw.read_until("\r\n\r\n");
  CHECK(none.starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK_FALSE(has(none, "Content-Length"));
  raw.send("HEAD /headers HTTP/1.1\r\nHost: a\r\n\r\nHEAD /chunks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto rest = raw.read_all();
  CHECK(has(rest, "Content-Length: 3\r\n\r\nHTTP/1.1 200 OK\r\n"));
  CHECK(rest.ends_with("Connection: close\r\n\r\n"));
  CHECK_FALSE(has(rest, "chunked"));
}

TEST_CASE("streamed answers are chunked or as long as declared", "[net][http1]") {
  TestServer server(by_path);
  CHECK(body_of(server.talk(get("/chunks", "Connection: close\r\n"))) == "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
  CHECK(body_of(server.talk(get("/length", "Connection: close\r\n"))) == "abcdef");
  const auto chunked = server.talk(get("/whole-in-chunks", "Connection: close\r\n"));
  CHECK(has(chunked, "Transfer-Encoding: chunked\r\n"));
  CHECK(body_of(chunked) == "3\r\nabc\r\n0\r\n\r\n");
}

TEST_CASE("the head of a streamed answer leaves though no piece follows", "[net][http1]") {
  TestServer server(by_path);
  auto raw = Raw::dial(server.port());
  raw.send(get("/head-first"));
  CHECK(has(raw.read_until("\r\n\r\n"), "Transfer-Encoding: chunked\r\n"));
}

TEST_CASE("an answer that is shorter than declared, missing or thrown away cuts the connection", "[net][http1]") {
  TestServer server(by_path);
  for (const auto* target : {"/short", "/silent", "/throw"}) {
    auto raw = Raw::dial(server.port());
    raw.send(get(target));
    const auto answer = raw.read_all();
    CHECK_FALSE(has(answer, "abcdef"));
    if (std::string_view(target) != "/short") CHECK(answer.empty());
  }
}

TEST_CASE("refused requests get exactly the reference's answers", "[net][http1]") {
  TestServer server(echo);
  CHECK(server.talk(get("/a%zz")) ==
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request");
  CHECK(server.talk(get("/", "X: " + std::string(9000, 'x') + "\r\n")) ==
        "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Connection: close\r\n\r\n431 Request Header Fields Too Large");
  const auto expectation = server.talk(get("/", "Expect: else\r\n"));
  CHECK(expectation.starts_with("HTTP/1.1 417 Expectation Failed\r\nDate: "));
  CHECK(expectation.ends_with("Content-Length: 0\r\nConnection: close\r\n\r\n"));
}

TEST_CASE("smuggled requests never reach the handler", "[net][http1][smuggling]") {
  std::atomic<int> calls = 0;
  TestServer server([&calls](Exchange& exchange) {
    ++calls;
    return echo(exchange);
  });
  const std::string tail = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const auto* fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 44\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding : chunked\r\n", "X: y\r\n Content-Length: 44\r\n"}) {
    const auto answer = server.talk(std::string("POST / HTTP/1.1\r\nHost: a\r\n") + fields + "\r\n" + tail);
    CHECK_FALSE(has(answer, "200 OK"));
  }
  CHECK(calls == 0);
}

TEST_CASE("100 Continue is sent when the body is read and not before", "[net][http1]") {
  const std::string request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  TestServer reads(echo);
  auto raw = Raw::dial(reads.port());
  raw.send(request);
  CHECK(raw.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  raw.send("abc");
  CHECK(has(raw.read_until("POST / abc"), "HTTP/1.1 200 OK"));
  TestServer refuses(ignore_body);
  const auto answer = refuses.talk(request);
  CHECK(answer.starts_with("HTTP/1.1 200 OK"));
  CHECK(has(answer, "Connection: close\r\n"));
}

TEST_CASE("bodies over the limit fail the read, with and without a length", "[net][http1]") {
  ServerOptions options;
  options.body_bytes_max = 8;
  TestServer server(echo, options);
  CHECK(body_of(server.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\nConnection: close\r\n\r\n12345678")) ==
        "POST / 12345678");
  for (const auto* rest : {"Content-Length: 9\r\n\r\n123456789",
                           "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n1\r\n9\r\n0\r\n\r\n"}) {
    const auto answer = server.talk(std::string("POST / HTTP/1.1\r\nHost: a\r\n") + rest);
    CHECK(has(answer, "500 Internal Server Error"));
    CHECK(body_of(answer) == "POST / error: stream too large");
  }
}

TEST_CASE("a body nobody read is skipped if it is small and ends the connection if not", "[net][http1]") {
  TestServer server(ignore_body);
  auto raw = Raw::dial(server.port());
  raw.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + std::string(100000, 'x') +
           get("/", "Connection: close\r\n"));
  auto answers = raw.read_all();
  CHECK(answers.find("HTTP/1.1 200 OK") != answers.rfind("HTTP/1.1 200 OK"));
  const auto large = server.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + std::string(300000, 'x'));
  CHECK(has(large, "Connection: close\r\n"));
  CHECK(body_of(large) == "ok");
}

TEST_CASE("a cut body is an error for its reader", "[net][http1]") {
  TestServer server(echo);
  auto raw = Raw::dial(server.port());
  raw.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123");
  raw.half_close();
  CHECK(body_of(raw.read_all()) == "POST / error: unexpected EOF");
}

TEST_CASE("slow heads and idle connections are closed in time", "[net][http1]") {
  ServerOptions options;
  options.header_timeout = 50ms;
  options.idle_timeout = 150ms;
  TestServer server(echo, options);
  const auto begin = std::chrono::steady_clock::now();
  auto slow = Raw::dial(server.port());
  slow.send("GET / HT");
  CHECK(slow.read_all().empty());
  auto silent = Raw::dial(server.port());
  CHECK(silent.read_all().empty());
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
  auto idle = Raw::dial(server.port());
  const auto asked = std::chrono::steady_clock::now();
  idle.send(get("/"));
  CHECK(has(idle.read_all(), "200 OK"));
  CHECK(idle.ended());
  CHECK(std::chrono::steady_clock::now() - asked > 100ms);
}

TEST_CASE("a peer that takes no bytes is cut off", "[net][http1]") {
  ServerOptions options;
  options.write_timeout = 100ms;
  std::atomic<bool> failed = false;
  TestServer server(
      [&failed](Exchange& exchange) -> asio::awaitable<void> {
        const auto sent = co_await exchange.respond(ResponseHead{}, std::string(64 << 20, 'x'));
        failed = !sent;
      },
      options
  );
  auto raw = Raw::dial(server.port());
  raw.send(get("/"));
  CHECK(mecha::testing::eventually([&] { return failed.load(); }));
}

TEST_CASE("a handler hears that its client has gone", "[net][http1]") {
  std::atomic<bool> heard = false;
  std::atomic<bool> waiting = false;
  TestServer server([&](Exchange& exchange) -> asio::awaitable<void> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 10s);
    exchange.on_disconnect([&] {
      heard = true;
      timer.cancel();
    });
    waiting = true;
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    (void)co_await exchange.respond(ResponseHead{}, "late");
  });
  auto raw = Raw::dial(server.port());
  raw.send(get("/"));
  REQUIRE(mecha::testing::eventually([&] { return waiting.load(); }));
  CHECK_FALSE(heard);
  raw.close();
  CHECK(mecha::testing::eventually([&] { return heard.load(); }));
}

TEST_CASE("a handler is cancelled with its client, whatever it has left unread", "[net][http1]") {
  std::atomic<int> begun = 0, thrown = 0, after = 0;
  TestServer server([&](Exchange& exchange) -> asio::awaitable<void> {
    exchange.on_disconnect([&exchange] { exchange.cancel_handler(); });
    ++begun;
    try {
      co_await sleep_for(60s);
      co_await sleep_for(1ms);
    } catch (const boost::system::system_error& error) {
      if (error.code() == asio::error::operation_aborted) ++thrown;
    }
    co_await asio::this_coro::reset_cancellation_state();
    if (co_await sleep_for(1ms)) ++after;
  });
  const std::string body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  for (const auto& request : {get("/"), body + "hello", get("/") + get("/next")}) {
    auto raw = Raw::dial(server.port());
    raw.send(request);
    const int wanted = thrown + 1;
    REQUIRE(mecha::testing::eventually([&] { return begun == wanted; }));
    raw.close();
    CHECK(mecha::testing::eventually([&] { return thrown == wanted && after == wanted; }));
  }
}

TEST_CASE("a connection goes on after its end was watched for", "[net][http1]") {
  TestServer server([](Exchange& exchange) -> asio::awaitable<void> {
    exchange.on_disconnect([] {});
    auto body = co_await read_all(exchange.body());
    (void)co_await exchange.respond(ResponseHead{}, body.value_or("cut"));
  });
  auto raw = Raw::dial(server.port());
  for (int i = 0; i < 3; ++i) {
    raw.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
    CHECK(body_of(raw.read_until("\r\n\r\nok")) == "ok");
  }
}
