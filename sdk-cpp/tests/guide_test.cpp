// An application and its tests on the fake; docs/guide/sdk-cpp.md shows them.

#include <string>

#include "catch.hpp"
#include "mecha/json.h"

// [application]
#include <mecha/mecha.h>

struct Order {
  std::string item;
  int quantity = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Order, item, quantity)
};

// Takes orders; a client is all that it needs of the outside.
class Shop {
 public:
  explicit Shop(mecha::Client client) : client_(std::move(client)) {}

  mecha::Task<mecha::Result<void>> take(std::string id, Order order) {
    auto saved = co_await client_.state("orders").save(id, order);
    if (!saved) co_return saved.error();
    auto told = co_await client_.pubsub("bus").publish("taken", order);
    for (int again = 0; !told && told.error().code == mecha::Code::unavailable && again < 2; ++again)
      told = co_await client_.pubsub("bus").publish("taken", order);
    co_return told;
  }

 private:
  mecha::Client client_;
};
// [/application]

// [happy]
#include <mecha/testing/fake.h>

using mecha::testing::Call;
using mecha::testing::Fake;

TEST_CASE("an order is kept and told of") {
  Fake fake;
  Shop shop(fake.client());
  REQUIRE(mecha::sync_wait(shop.take("o1", {"apples", 3})));

  CHECK(fake.state("orders", "o1") == R"({"item":"apples","quantity":3})");
  REQUIRE(fake.published("bus", "taken").size() == 1);
  CHECK(fake.published()[0].content_type == "application/json");
}
// [/happy]

// [failures]
TEST_CASE("a broker that is away for a moment is tried again") {
  Fake fake;
  fake.fail({Call::publish, "bus"}, mecha::Code::unavailable, 2);
  CHECK(mecha::sync_wait(Shop(fake.client()).take("o1", {"apples", 3})));
  CHECK(fake.count({Call::publish}) == 3);
}

TEST_CASE("an order that could not be kept is not told of") {
  Fake fake;
  fake.delay({Call::save_state, "orders"}, std::chrono::minutes(2));  // nobody waits for it
  const auto taken = mecha::sync_wait(Shop(fake.client()).take("o1", {"apples", 3}));
  REQUIRE(!taken);
  CHECK(taken.error().code == mecha::Code::deadline_exceeded);
  CHECK(fake.published().empty());
}
// [/failures]

// [handlers]
#include <mecha/service.h>

TEST_CASE("what is taken is shipped") {
  Fake fake;
  const auto client = fake.client();
  mecha::Service service;
  service.topic("bus", "taken", [client](const Order& order) {
    return client.blocking().state("shipped").save(order.item, order.quantity);
  });
  REQUIRE(fake.attach(service.callbacks()));

  REQUIRE(fake.emit("bus", "taken", Order{"apples", 3}));
  CHECK(fake.settle());
  CHECK(fake.state("shipped", "apples") == "3");
  CHECK(fake.delivered("taken")[0].verdict == mecha::Verdict::success);
}
// [/handlers]
