// Fields that are longer than HTTP/2 peers decode: they fail their own call, and the connection goes on.

#include "runtime/async/event.hpp"
#include "runtime/net/http2_harness.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace mecha::net::testing;

namespace {

// As many bytes go over the wire; and more, of which fewer do.
const std::string kFits(65536, 'X'), kShrinks(100'000, 'a'), kTooLong(65537, 'X');
constexpr auto kRefused = "the header field \"x-long\" has more than 65536 bytes";

const std::string& text_of(std::string_view target) {
  return target.ends_with("fits") ? kFits : target.ends_with("shrinks") ? kShrinks : kTooLong;
}

// "/answer/<text>" has the text in its head, "/start/<text>" in that of a longer answer, "/end/<text>" in its trailers; else it waits.
struct Talker {
  std::unique_ptr<Event> gate;

  asio::awaitable<void> operator()(Exchange& exchange) const {
    const std::string target = exchange.request().target;
    Headers fields;
    fields.add("x-long", text_of(target));
    if (target.starts_with("/answer")) {
      (void)co_await exchange.respond({.status = 200, .headers = std::move(fields)}, "body");
    } else if (target.starts_with("/start")) {
      if (!co_await exchange.start({.status = 200, .headers = std::move(fields)})) co_return;
      (void)co_await exchange.write("body");
      (void)co_await exchange.finish({});
    } else if (target.starts_with("/end")) {
      (void)co_await exchange.start({.status = 200});
      (void)co_await exchange.write("body");
      (void)co_await exchange.finish(std::move(fields));
    } else {
      co_await gate->wait();
      (void)co_await exchange.respond({.status = 204}, {});
    }
  }
};

struct Answer {
  ResponseHead head;
  std::string body;
  Headers trailers;
};

Async<Answer> receive(ClientCall& call) {
  MECHA_CO_TRY(auto* const head, co_await call.head());
  Answer answer{.head = *head, .body = {}, .trailers = {}};
  MECHA_CO_TRY(answer.body, co_await read_all(call));
  answer.trailers = call.trailers();
  co_return answer;
}

Async<Answer> fetch(std::shared_ptr<Http2Connection> connection, RequestHead head) {
  MECHA_CO_TRY(const auto call, co_await connection->open(std::move(head)));
  co_return co_await receive(*call);
}

RequestHead grpc_get(std::string target) {
  auto head = get(std::move(target));
  head.method = "POST";
  head.headers.add("content-type", "application/grpc");
  return head;
}

}  // namespace

TEST_CASE("a field that is longer than peers decode fails its call, and no other", "[http2]") {
  Talker talker;
  Http2Pair pair([&](Exchange& exchange) { return talker(exchange); }, {.header_bytes_max = 1 << 20}, {.response_header_bytes_max = 1 << 20});
  talker.gate = std::make_unique<Event>(pair.context.get_executor());
  const auto other = pair.run(pair.client->open(get("/wait")));
  REQUIRE(other);
  pair.settle();

  auto asked = get("/answer/fits");
  asked.headers.add("x-long", kTooLong);
  const auto refused = pair.run(fetch(pair.client, std::move(asked)));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::resource_exhausted);
  CHECK(refused.error().message == kRefused);
  CHECK_FALSE(pair.run(fetch(pair.client, get("/answer/fits?" + kTooLong))));

  for (const std::string way : {"/answer", "/start"}) {
    const auto plain = pair.run(fetch(pair.client, get(way + "/long")));
    REQUIRE(plain);
    CHECK(plain->head.status == 500);
    CHECK(plain->body == kRefused);
    const auto grpc = pair.run(fetch(pair.client, grpc_get(way + "/long")));
    REQUIRE(grpc);
    CHECK(grpc->head.status == 200);
    CHECK(grpc->head.headers.value_or("grpc-status") == "8");
    CHECK(grpc->head.headers.value_or("grpc-message") == kRefused);
  }
  const auto plain = pair.run(fetch(pair.client, get("/end/long")));
  REQUIRE(plain);
  CHECK(plain->body == "body");
  CHECK_FALSE(plain->trailers.has("x-long"));
  const auto grpc = pair.run(fetch(pair.client, grpc_get("/end/long")));
  REQUIRE(grpc);
  CHECK(grpc->trailers.value_or("grpc-status") == "8");

  talker.gate->set();
  const auto answer = pair.run(receive(**other));
  talker.gate.reset();  // it is of the pair's context, which goes first
  REQUIRE(answer);
  CHECK(answer->head.status == 204);
}

TEST_CASE("a field that peers can decode passes, by what it is on the wire", "[http2]") {
  Talker talker;
  Http2Pair pair([&](Exchange& exchange) { return talker(exchange); }, {.header_bytes_max = 1 << 20}, {.response_header_bytes_max = 1 << 20});
  for (const std::string text : {"/fits", "/shrinks"}) {
    auto asked = get("/answer" + text);
    asked.headers.add("x-long", text_of(text));
    const auto head = pair.run(fetch(pair.client, std::move(asked)));
    REQUIRE(head);
    CHECK(head->head.headers.value_or("x-long") == text_of(text));
    const auto trailers = pair.run(fetch(pair.client, get("/end" + text)));
    REQUIRE(trailers);
    CHECK(trailers->trailers.value_or("x-long") == text_of(text));
  }
}
