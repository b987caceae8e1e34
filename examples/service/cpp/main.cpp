// A stock keeper: reserves goods when it is called, books deliveries that are announced, and reports when a timer says so.
#include <cstdio>
#include <map>
#include <mutex>
#include <string>

#include "mecha/json.h"
#include "mecha/mecha.h"

struct Request {
  std::string item;
  int quantity = 0;
};
struct Reply {
  int left = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Request, item, quantity)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reply, left)

namespace {

// Handlers run on several threads.
class Stock {
 public:
  mecha::Result<Reply> reserve(const Request& request) {
    const std::lock_guard lock(mutex_);
    auto& left = left_[request.item];
    if (left < request.quantity) {
      return mecha::fail(mecha::Code::failed_precondition, "only " + std::to_string(left) + " left");
    }
    left -= request.quantity;
    return Reply{left};
  }
  void add(const Request& delivery) {
    const std::lock_guard lock(mutex_);
    left_[delivery.item] += delivery.quantity;
  }
  std::string report() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [item, left] : left_) text += " " + item + "=" + std::to_string(left);
    return text;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> left_;
};

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // each line at once, also where it goes into a pipe
  auto client = mecha::Client::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  Stock stock;
  // [service]
  mecha::Service service;
  service.method("reserve", [&stock](Request request) { return stock.reserve(request); });

  service.topic("bus", "deliveries", [&stock](Request delivery) {
    if (delivery.quantity <= 0) return mecha::Verdict::drop;
    stock.add(delivery);
    return mecha::Verdict::success;
  });

  service.binding("every-second", [&stock] { std::printf("in stock:%s\n", stock.report().c_str()); });
  // [/service]

  // [coroutine]
  service.method("order", [client = *client](Request order) -> mecha::Task<mecha::Result<void>> {
    co_return co_await client.pubsub("bus").publish("deliveries", order);
  });
  // [/coroutine]

  // [run]
  const auto ended = service.run();  // until SIGINT or SIGTERM
  if (ended) return std::puts("every handler has ended"), 0;
  std::fprintf(stderr, "%s\n", ended.error().to_string().c_str());
  return 1;
  // [/run]
}
