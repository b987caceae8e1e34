// Three orders are published and received again on a stream: no port is opened, and each is acknowledged when it has been handled.
#include <cstdio>
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
mecha::Verdict handle(const mecha::TopicEvent& event) {
  const auto order = mecha::Codec<Order>::decode(event.data);
  if (!order || order->quantity == 0) {
    std::printf("dropped: %s\n", event.data.c_str());
    return mecha::Verdict::drop;
  }
  std::printf("received: %d %s\n", order->quantity, order->item.c_str());
  return mecha::Verdict::success;
}
// [/handle]

mecha::Result<void> receive(const mecha::BlockingClient& client, int count) {
  // [subscribe]
  const auto stream = client.api()->subscribe({"bus", "orders"}, {});
  for (int i = 0; i < count; ++i) {
    auto event = mecha::sync_wait(stream->next());
    if (!event) return event.error();
    if (!*event) return mecha::fail(mecha::Code::unavailable, "the sidecar ended the stream");
    auto told = mecha::sync_wait(stream->answer((*event)->id, handle(**event)));
    if (!told) return told.error();
  }
  // [/subscribe]
  return {};
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
