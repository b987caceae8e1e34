// Subscriptions of a client: a handler or a loop of one's own, on both faces.

#include <thread>

#include "catch.hpp"
#include "mecha/json.h"
#include "mecha/testing/fake.h"

namespace mecha::testing {
namespace {

struct Order {
  std::string item;
  int quantity = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Order, item, quantity)
};

// A subscription is there from its first read on.
void emit_when_open(Fake& fake, std::size_t streams = 1) {
  const auto client = fake.client().blocking();
  while (client.metadata()->subscriptions.size() < streams) std::this_thread::yield();
}

TEST_CASE("a handler gets values until somebody asks to stop, and every message is answered") {
  Fake fake;
  std::stop_source enough;
  CallOptions until;
  until.stop = enough.get_token();
  std::thread other([&] {
    emit_when_open(fake);
    (void)fake.emit("bus", "orders", Order{"apples", 3});
    (void)fake.emit("bus", "orders", "no order");
    (void)fake.emit("bus", "orders", Order{"figs", 0});
    (void)fake.emit("bus", "orders", Order{"pears", 1});
  });
  std::string seen;
  const auto here = std::this_thread::get_id();
  bool ran_here = true;
  const auto ended = fake.client().blocking().pubsub("bus").subscribe(
      "orders",
      [&](const Order& order, const TopicEvent& event) {
        ran_here = ran_here && std::this_thread::get_id() == here;
        seen += order.item + " " + event.topic + ";";
        if (order.item == "pears") enough.request_stop();
        return order.quantity == 0 ? Verdict::drop : Verdict::success;
      },
      {},
      until
  );
  other.join();
  CHECK(ended.has_value());
  CHECK(ran_here);
  CHECK(seen == "apples orders;figs orders;pears orders;");
  const auto delivered = fake.delivered("orders");
  REQUIRE(delivered.size() == 4);
  CHECK(delivered[0].verdict == Verdict::success);
  CHECK(delivered[1].verdict == Verdict::drop);
  CHECK(delivered[2].verdict == Verdict::drop);
  CHECK(delivered[3].verdict == Verdict::success);
}

TEST_CASE("who waits for the next message is stopped at once") {
  Fake fake;
  std::stop_source enough;
  CallOptions until;
  until.stop = enough.get_token();
  std::thread other([&] {
    emit_when_open(fake);
    enough.request_stop();
  });
  CHECK(fake.client().blocking().pubsub("bus").subscribe<Order>("t", [](const auto&) {}, {}, until).has_value());
  other.join();
  CHECK(fake.client().blocking().pubsub("bus").subscribe<Order>("t", [](const auto&) {}, {}, until).has_value());
}

Task<Result<void>> keep(Client client, std::stop_source enough, const Order& order) {
  auto saved = co_await client.state("orders").save(order.item, order.quantity);
  enough.request_stop();
  co_return saved;
}

TEST_CASE("a coroutine handles messages in their trace, and its error means again") {
  Fake fake;
  fake.fail({Call::save_state}, Code::unavailable, 1);
  const auto client = fake.client();
  std::stop_source again;
  CallOptions until;
  until.stop = again.get_token();
  int tries = 0;
  Result<void> ended = mecha::fail(Code::unknown, "it has not ended");
  then_call(
      client.pubsub("bus").subscribe(
          "orders",
          [&, client](const Order& order) -> Task<Result<void>> {
            ++tries;
            co_return co_await keep(client, tries == 2 ? again : std::stop_source(), order);
          },
          {},
          until
      ),
      [&](Result<void> how) { ended = std::move(how); }
  );
  CallOptions traced;
  traced.trace = std::make_shared<const TraceContext>(TraceContext{"00-parent", "", ""});
  REQUIRE(sync_wait(client.pubsub("bus").publish("orders", Order{"apples", 3}, {}, traced)).has_value());
  CHECK(fake.settle());
  CHECK(ended.has_value());
  CHECK(tries == 2);
  const auto saves = fake.calls({Call::save_state});
  REQUIRE(saves.size() == 2);
  REQUIRE(saves[1].trace);
  CHECK(saves[1].trace->traceparent == "00-parent");
}

TEST_CASE("a stream that breaks ends the subscription with its error") {
  Fake fake;
  std::thread other([&] {
    emit_when_open(fake);
    fake.break_streams(mecha::fail(Code::unavailable, "gone"));
  });
  const auto ended = fake.client().blocking().pubsub("bus").subscribe("t", [](const Order&) {});
  other.join();
  CHECK(ended.error().message == "gone");
  fake.fail({Call::subscribe}, Code::permission_denied);
  CHECK(fake.client().blocking().pubsub("bus").subscribe("t", [] {}).error().code == Code::permission_denied);
}

TEST_CASE("messages are taken by hand on the face that blocks, without a task") {
  Fake fake;
  auto stream = fake.client().blocking().pubsub("bus").stream("orders");
  std::thread other([&] {
    emit_when_open(fake);
    (void)fake.emit("bus", "orders", "hello");
  });
  const auto event = stream.next();
  other.join();
  REQUIRE(event);
  CHECK((*event)->data == "hello");
  CHECK(stream.answer((*event)->id, Verdict::success).has_value());
  CHECK(fake.delivered("orders").size() == 1);
  stream.cancel();
  CHECK(stream.next().error().code == Code::cancelled);
}

TEST_CASE("single operations with keys are there where the feature is, and come back") {
  Fake fake;
  const auto crypto = fake.client().blocking().crypto("c");
  CHECK(crypto.sign("k", "PS256", "digest").error().code == Code::unimplemented);
  fake.set_features({"SubtleCrypto"});
  const auto sealed = crypto.encrypt_bytes("k", "A256GCM", "plain", {"nonce", "more"});
  REQUIRE(sealed);
  CHECK(sealed->data != "plain");
  CHECK(*crypto.decrypt_bytes("k", "A256GCM", sealed->data, {"nonce", "more", sealed->tag}) == "plain");
  CHECK(crypto.decrypt_bytes("k", "A256GCM", sealed->data, {"nonce", "other", sealed->tag}).error().code == Code::internal);
  const auto wrapped = crypto.wrap_key("k", "A256KW", "key");
  CHECK(*crypto.unwrap_key("k", "A256KW", wrapped->data, {"", "", wrapped->tag}) == "key");
  const auto signature = crypto.sign("k", "PS256", "digest");
  CHECK(crypto.verify("k", "PS256", "digest", *signature).value());
  CHECK(!crypto.verify("k", "PS256", "other", *signature).value());
  CHECK(crypto.public_key("k").has_value());
  fake.add_key("c", "k");
  CHECK(crypto.sign("no", "PS256", "digest").error().code == Code::internal);
}

}  // namespace
}  // namespace mecha::testing
