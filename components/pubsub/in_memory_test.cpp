// The in-memory broker: the suite of all brokers, then what is peculiar to it.
#include <boost/asio/post.hpp>

#include "components/catalog.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/pubsub_suite.hpp"
#include "tests/run.hpp"

namespace mecha::pubsub {
void register_in_memory(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::pubsub;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<PubSub> make(Shards& shards) {
  Catalog catalog;
  register_in_memory(catalog);
  ComponentSpec spec;
  spec.name = "bus";
  spec.type = "pubsub.in-memory";
  spec.version = "v1";
  const ComponentContext context{shards, "bus", "pubsub.in-memory", "app", "", {}};
  auto made = catalog.make(spec, context);
  REQUIRE(made.has_value());
  return std::dynamic_pointer_cast<PubSub>(*made);
}

// Publishes to the topic that it handles, three generations deep.
asio::awaitable<Verdict> echo(PubSub& bus, int& seen, Message message) {
  ++seen;
  if (message.data.size() < 3) {
    const auto published = co_await bus.publish({message.topic, message.data + "x", {}, {}});
    CHECK(published.has_value());
  }
  co_return Verdict::done;
}

asio::awaitable<void> publish_from_handler(std::shared_ptr<PubSub> bus) {
  int seen = 0;
  auto made = co_await bus->subscribe({"t", {}}, [&bus, &seen](Message m) { return echo(*bus, seen, std::move(m)); });
  REQUIRE(made.has_value());
  const auto published = co_await bus->publish({"t", "", {}, {}});
  CHECK(published.has_value());
  for (int i = 0; i < 1000 && seen < 4; ++i) co_await sleep_for(1ms);
  CHECK(seen == 4);
  co_await (*made)->stop(1s);
}

asio::awaitable<Verdict> count(int& seen, Message) {
  co_await sleep_for(1ms);
  ++seen;
  co_return Verdict::done;
}

asio::awaitable<void> stop_with_a_queue(std::shared_ptr<PubSub> bus) {
  int seen = 0;
  auto made = co_await bus->subscribe({"t", {}}, [&seen](Message m) { return count(seen, std::move(m)); });
  REQUIRE(made.has_value());
  for (int i = 0; i < 20; ++i) {
    const auto published = co_await bus->publish({"t", "x", {}, {}});
    CHECK(published.has_value());
  }
  co_await (*made)->stop(5s);
  CHECK(seen == 20);
}

}  // namespace

TEST_CASE("pubsub.in-memory keeps the broker contract", "[pubsub][in-memory]") {
  conformance::pubsub_contract({.make = make, .persistent = false, .wildcards = true});
}

TEST_CASE("a handler may publish to its own topic", "[pubsub][in-memory]") {
  Shards shards(1);
  testing::run(shards.context(0), publish_from_handler(make(shards)));
}

TEST_CASE("a stop within its grace handles what was published", "[pubsub][in-memory]") {
  Shards shards(1);
  testing::run(shards.context(0), stop_with_a_queue(make(shards)));
}
