// An application with every kind of handler, for test_service.py: what its handlers saw is read by
// a method.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <string>

#include "mecha/json.h"
#include "mecha/mecha.h"

namespace {

struct Order {
  std::string id;
  int count = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, id, count)

// What was handled, in its order. Any thread.
class Diary {
 public:
  void write(const std::string& line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  }
  bool first_time(const std::string& what) {
    const std::lock_guard lock(mutex_);
    return met_.insert(what).second;
  }
  nlohmann::json read() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::set<std::string> met_;
};

// `retry` is tried again once, `drop` is given up, anything else is done.
mecha::Verdict judge(Diary& diary, const std::string& where, const Order& order) {
  if (order.id == "retry" && diary.first_time(where + order.id)) return mecha::Verdict::retry;
  diary.write(where + " " + order.id);
  return order.id == "drop" ? mecha::Verdict::drop : mecha::Verdict::success;
}

void add_methods(
    mecha::Service& service, Diary& diary, std::atomic<bool>& sick, const mecha::Client& client
) {
  service.method("seen", [&diary] { return diary.read(); })
      .method("twice", [](Order order) { return Order{order.id, 2 * order.count}; })
      .method(
          "show/*",
          [](const mecha::MethodCall& call) {
            mecha::MethodReply reply{
                call.verb + " " + call.method + " " + call.query, "text/plain", {}
            };
            reply.headers["x-kept"] = "yes";
            return reply;
          }
      )
      .method(
          "fail",
          []() -> mecha::Result<void> {
            return mecha::fail(mecha::Code::not_found, "no such order");
          }
      )
      .method("sick", [&sick] { sick = true; })
      .method("relay", [client](Order order) -> mecha::Task<mecha::Result<void>> {
        co_return co_await client.pubsub("bus").publish("orders", order);
      });
}

void add_topics(mecha::Service& service, Diary& diary) {
  const mecha::StreamOptions in_order{
      .dead_letter_topic = "given-up", .metadata = {}, .limit = {1, 0}
  };
  service
      .topic(
          "bus",
          "orders",
          [&diary](Order order) { return judge(diary, "big", order); },
          {.match = "event.data.count > 10", .dead_letter_topic = "given-up"}
      )
      .topic(
          "bus",
          "orders",
          [&diary](Order order) -> mecha::Task<mecha::Verdict> {
            co_return judge(diary, "orders", order);
          }
      )
      .topic(
          "bus",
          "given-up",
          [&diary](const mecha::TopicEvent& event) { diary.write("given up " + event.data); }
      )
      .topic(
          "bus",
          "declared",
          [&diary](Order order) { return judge(diary, "declared", order); },
          {.path = "/from-yaml", .declared = true}
      )
      .topic_bulk(
          "bus",
          "many",
          [&diary](std::vector<mecha::BulkMessage<Order>> batch) {
            for (const auto& message : batch) diary.write("many " + message.value.id);
          },
          {.bulk = mecha::BulkOptions{10, std::chrono::milliseconds(50)}}
      )
      .stream(
          "bus",
          "streamed",
          [&diary](Order order) { return judge(diary, "streamed", order); },
          in_order
      );
}

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

int failed(const mecha::Error& error) {
  std::fprintf(stderr, "%s\n", error.to_string().c_str());
  return 1;
}

}  // namespace

int main(int count, char** words) {
  const auto client = mecha::Client::connect();
  if (!client) return failed(client.error());
  Diary diary;
  std::atomic<bool> sick = false;
  mecha::ServiceOptions options;
  if (const char* folder = std::getenv("TLS_FOLDER"))
    options.tls = {
        text_of(folder + std::string("/cert.pem")), text_of(folder + std::string("/key.pem"))
    };
  mecha::Service service(std::move(options));
  if (count > 1 && std::string(words[1]) == "streams-only") {
    // The diary is kept in the state store, for nobody can call.
    service.stream(
        "bus",
        "streamed",
        [state = client->state("store")](Order order) -> mecha::Task<mecha::Result<void>> {
          co_return co_await state.save(order.id, order);
        }
    );
  } else {
    add_methods(service, diary, sick, *client);
    add_topics(service, diary);
    service.binding("clock", [&diary](const mecha::BindingEvent& event) {
      if (diary.first_time("clock")) diary.write("clock " + event.metadata.at("timeZone"));
    });
    service.health([&sick]() -> mecha::Result<void> {
      return sick ? mecha::Result<void>(mecha::fail(mecha::Code::unavailable, "sick"))
                  : mecha::Result<void>();
    });
  }
  if (const auto ended = service.run(); !ended) return failed(ended.error());
  std::puts("ended in order");
  return 0;
}
