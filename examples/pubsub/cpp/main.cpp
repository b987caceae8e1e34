// Three orders are published and received again on a stream: no port is opened, and each is acknowledged when it has been handled.
#include <cstdio>
#include <stop_token>
#include <string>

#include "mecha/json.h"
#include "mecha/mecha.h"

struct Order {
  std::string item;
  int quantity = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, item, quantity)

namespace {

mecha::Result<void> publish(const mecha::BlockingClient& client) {
  // [publish]
  const auto bus = client.pubsub("bus");
  for (const auto& order : {Order{"apples", 3}, Order{"pears", 1}, Order{"figs", 0}}) {
    if (auto sent = bus.publish("orders", order); !sent) return sent.error();
  }
  // [/publish]
  return {};
}

// [handle]
mecha::Verdict handle(const Order& order, const mecha::TopicEvent& event) {
  if (order.quantity == 0) {
    std::printf("dropped: %s\n", event.data.c_str());
    return mecha::Verdict::drop;
  }
  std::printf("received: %d %s\n", order.quantity, order.item.c_str());
  return mecha::Verdict::success;
}
// [/handle]

mecha::Result<void> receive(const mecha::BlockingClient& client, int count) {
  // [subscribe]
  std::stop_source enough;
  mecha::CallOptions until;
  until.stop = enough.get_token();
  const auto one = [&](const Order& order, const mecha::TopicEvent& event) {
    if (--count == 0) enough.request_stop();  // ends after this one has been answered
    return handle(order, event);
  };
  return client.pubsub("bus").subscribe("orders", one, {}, until);
  // [/subscribe]
}

}  // namespace

int main() {
  auto client = mecha::BlockingClient::connect();
  auto done = client ? publish(*client) : mecha::Result<void>(client.error());
  if (done) done = receive(*client, 3);
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
  return 1;
}
