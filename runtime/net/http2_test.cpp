#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "runtime/async/event.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/http2_harness.hpp"

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
  for (;;) {
    const auto piece = co_await exchange.body().read();
    if (!piece || piece->empty()) break;
    const auto written = co_await exchange.write(*piece);
    if (!written) co_return;
  }
  Headers trailers;
  trailers.add("x-sum", std::to_string(exchange.received_bytes()));
  (void)co_await exchange.finish(std::move(trailers));
}

struct Answer {
  ResponseHead head;
  std::string body;
  Headers trailers;
};

Async<Answer> fetch(std::shared_ptr<Http2Connection> connection, RequestHead head, std::string body = {}) {
  MECHA_CO_TRY(auto call, co_await connection->open(std::move(head)));
  if (!body.empty()) {
    MECHA_CO_TRY_VOID(co_await call->write(body));
    MECHA_CO_TRY_VOID(co_await call->finish_writing());
  }
  MECHA_CO_TRY(auto* answer, co_await call->head());
  Answer all;
  all.head = *answer;
  MECHA_CO_TRY(all.body, co_await read_all(*call));
  all.trailers = call->trailers();
  co_return all;
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

TEST_CASE("bodies and trailers go both ways", "[http2]") {
  Http2Pair pair(&echo);
  const auto answer = pair.run(fetch(pair.client, post("/"), "some bytes"));
  REQUIRE(answer);
  CHECK(answer->body == "some bytes");
  CHECK(answer->trailers.value_or("x-sum") == "10");
}
