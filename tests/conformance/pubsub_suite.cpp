#include "tests/conformance/pubsub_suite.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::conformance {
namespace {

using namespace std::chrono_literals;
using namespace mecha::pubsub;

struct Received {
  std::vector<Message> messages;
  std::vector<std::size_t> batches;
  int running = 0, most = 0;
  std::chrono::milliseconds work{0};
  bool meet = false;  // the first waits for another to be handled beside it, however slowly they come, but not for ever
  int fail_first = 0;  // so many deliveries fail
};

asio::awaitable<Verdict> receive(Received& log, Message message) {
  log.most = std::max(log.most, ++log.running);
  bool whole = log.work.count() == 0 || co_await sleep_for(log.work);
  for (int i = 0; whole && log.meet && log.most < 2; ++i) {
    whole = co_await sleep_for(1ms);
    if (i == 10'000) log.meet = false;
  }
  --log.running;
  if (!whole) co_return Verdict::abandoned;
  if (log.fail_first > 0) {
    --log.fail_first;
    co_return Verdict::failed;
  }
  log.messages.push_back(std::move(message));
  co_return Verdict::done;
}

Handler into(Received& log) {
  return [&log](Message message) { return receive(log, std::move(message)); };
}

asio::awaitable<std::vector<Verdict>> receive_batch(Received& log, std::vector<BulkMessage> batch) {
  log.batches.push_back(batch.size());
  std::vector<Verdict> verdicts;
  for (auto& entry : batch) {
    CHECK_FALSE(entry.entry_id.empty());
    log.messages.push_back(std::move(entry.message));
    verdicts.push_back(Verdict::done);
  }
  co_return verdicts;
}

asio::awaitable<bool> until(std::function<bool()> condition, std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < end) co_await sleep_for(5ms);
  co_return condition();
}

PublishRequest message(std::string topic, std::string data, std::string key = {}) {
  PublishRequest request{std::move(topic), std::move(data), {}, Metadata{}};
  if (!key.empty()) (*request.metadata)["partitionKey"] = std::move(key);
  return request;
}

struct Bench {
  Shards shards{1};
  const PubSubSubject& subject;

  std::shared_ptr<PubSub> make() { return subject.make(shards); }
  void run(asio::awaitable<void> work) { testing::run(shards.context(0), std::move(work), subject.patience * 3); }
};

std::string new_topic() { return "conformance-" + text::uuid(); }

asio::awaitable<void> start(PubSub& broker) {
  const auto started = co_await broker.start();
  INFO((started ? std::string() : started.error().message));
  REQUIRE(started.has_value());
}

asio::awaitable<std::unique_ptr<Subscription>> subscribe(PubSub& broker, std::string topic, Received& log) {
  auto made = co_await broker.subscribe({std::move(topic), {}}, into(log));
  REQUIRE(made.has_value());
  co_return *std::move(made);
}

asio::awaitable<void> check_round_trip(std::shared_ptr<PubSub> broker, bool metadata, std::chrono::seconds patience) {
  co_await start(*broker);
  Received log;
  const auto topic = new_topic();
  auto subscription = co_await subscribe(*broker, topic, log);
  auto request = message(topic, std::string("\0\xff{}", 4));
  (*request.metadata)["colour"] = "blue";
  const auto published = co_await broker->publish(std::move(request));
  REQUIRE(published.has_value());
  CHECK(co_await until([&] { return log.messages.size() == 1; }, patience));
  REQUIRE_FALSE(log.messages.empty());
  CHECK(log.messages[0].data == std::string("\0\xff{}", 4));
  CHECK(log.messages[0].topic == topic);
  REQUIRE(log.messages[0].metadata.has_value());
  if (metadata) CHECK(log.messages[0].metadata->at("colour") == "blue");
  const auto elsewhere = co_await broker->publish(message(new_topic(), "nobody"));
  CHECK(elsewhere.has_value());
  co_await subscription->stop(5s);
  co_await broker->stop();
  CHECK(log.messages.size() == 1);
}

// Where keys do not travel: one message at a time, in the order of publishing; or several at once in any order.
asio::awaitable<void> check_without_keys(std::shared_ptr<PubSub> broker, bool parallel, std::chrono::seconds patience) {
  co_await start(*broker);
  Received log;
  log.work = 3ms;
  log.meet = parallel;
  const auto topic = new_topic();
  auto subscription = co_await subscribe(*broker, topic, log);
  std::string expected;
  for (int i = 0; i < 40; ++i) {
    const auto published = co_await broker->publish(message(topic, std::to_string(i % 10)));
    REQUIRE(published.has_value());
    expected += std::to_string(i % 10);
  }
  CHECK(co_await until([&] { return log.messages.size() == 40; }, patience));
  std::string order;
  for (const auto& m : log.messages) order += m.data;
  if (!parallel) CHECK(order == expected);
  CHECK((log.most > 1) == parallel);
  co_await subscription->stop(5s);
  co_await broker->stop();
}

// 5 keys, 8 messages each, slow work: each key in order, and the keys at once.
asio::awaitable<void> check_order(std::shared_ptr<PubSub> broker, std::chrono::seconds patience) {
  co_await start(*broker);
  Received log;
  log.work = 3ms;
  log.meet = true;
  const auto topic = new_topic();
  auto subscription = co_await subscribe(*broker, topic, log);
  for (int i = 0; i < 8; ++i) {
    for (int key = 0; key < 5; ++key) {
      const auto published =
          co_await broker->publish(message(topic, std::to_string(i), "k" + std::to_string(key)));
      REQUIRE(published.has_value());
    }
  }
  CHECK(co_await until([&] { return log.messages.size() == 40; }, patience));
  std::map<std::string, std::string> seen;
  for (const auto& m : log.messages) seen[m.metadata->at("partitionKey")] += m.data;
  CHECK(seen.size() == 5);
  for (const auto& [key, order] : seen) CHECK(order == "01234567");
  CHECK(log.most > 1);
  co_await subscription->stop(5s);
  co_await broker->stop();
}

asio::awaitable<void> check_bulk(std::shared_ptr<PubSub> broker, bool parallel, std::chrono::seconds patience) {
  co_await start(*broker);
  Received log;
  const auto topic = new_topic();
  auto made = co_await broker->subscribe_bulk({topic, {}}, {10, 300ms}, [&log](std::vector<BulkMessage> batch) {
    return receive_batch(log, std::move(batch));
  });
  REQUIRE(made.has_value());
  BulkPublishRequest request{topic, {}, {}};
  for (int i = 0; i < 25; ++i) request.entries.push_back({std::to_string(i), "m" + std::to_string(i), "", Metadata{}});
  const auto failed = co_await broker->bulk_publish(std::move(request));
  CHECK(failed.empty());
  CHECK(co_await until([&] { return log.messages.size() == 25; }, patience));
  std::set<std::string> distinct;
  for (const auto& m : log.messages) distinct.insert(m.data);
  CHECK(distinct.size() == 25);
  if (parallel) CHECK(*std::ranges::max_element(log.batches) > 1);
  CHECK(*std::ranges::max_element(log.batches) <= 10);
  co_await (*made)->stop(5s);
  co_await broker->stop();
}

// What was not acknowledged when a subscription stopped comes again to the next.
asio::awaitable<void> check_abandoned(std::shared_ptr<PubSub> first, std::shared_ptr<PubSub> second, std::chrono::seconds patience) {
  co_await start(*first);
  Received slow;
  slow.work = 1h;
  const auto topic = new_topic();
  auto subscription = co_await subscribe(*first, topic, slow);
  const auto published = co_await first->publish(message(topic, "precious", "k"));
  REQUIRE(published.has_value());
  CHECK(co_await until([&] { return slow.running == 1; }, patience));
  co_await subscription->stop(10ms);
  co_await first->stop();
  CHECK(slow.messages.empty());

  co_await start(*second);
  Received log;
  auto again = co_await subscribe(*second, topic, log);
  CHECK(co_await until([&] { return log.messages.size() == 1; }, patience));
  co_await again->stop(5s);
  co_await second->stop();
}

asio::awaitable<void> check_redelivery(std::shared_ptr<PubSub> broker, std::chrono::seconds patience) {
  co_await start(*broker);
  Received log;
  log.fail_first = 2;
  const auto topic = new_topic();
  auto subscription = co_await subscribe(*broker, topic, log);
  for (const char* data : {"0", "1", "2"}) {
    const auto published = co_await broker->publish(message(topic, data, "k"));
    REQUIRE(published.has_value());
  }
  CHECK(co_await until([&] { return log.messages.size() == 3; }, patience));
  std::string order;
  for (const auto& m : log.messages) order += m.data;
  CHECK(order == "012");  // a retry does not overtake
  co_await subscription->stop(5s);
  co_await broker->stop();
}

asio::awaitable<void> check_wildcards(std::shared_ptr<PubSub> broker, std::chrono::seconds patience) {
  co_await start(*broker);
  Received log;
  const auto stem = new_topic();
  auto subscription = co_await subscribe(*broker, stem + "/*", log);
  for (const auto& topic : {stem + "/a", stem + "/", stem}) {
    const auto published = co_await broker->publish(message(topic, topic));
    REQUIRE(published.has_value());
  }
  CHECK(co_await until([&] { return !log.messages.empty(); }, patience));
  co_await sleep_for(50ms);
  REQUIRE(log.messages.size() == 1);
  CHECK(log.messages[0].data == stem + "/a");
  CHECK(log.messages[0].topic == stem + "/*");
  co_await subscription->stop(5s);
  co_await broker->stop();
}

}  // namespace

void pubsub_contract(const PubSubSubject& subject) {
  Bench bench{.subject = subject};
  SECTION("a message arrives with its bytes, topic and metadata") {
    bench.run(check_round_trip(bench.make(), subject.metadata, subject.patience));
  }
  if (subject.metadata && subject.parallel) {
    SECTION("one key is in order, different keys are handled at once") {
      bench.run(check_order(bench.make(), subject.patience));
    }
  } else {
    SECTION("messages without keys") { bench.run(check_without_keys(bench.make(), subject.parallel, subject.patience)); }
  }
  SECTION("bulk publishing and bulk subscribing") { bench.run(check_bulk(bench.make(), subject.parallel, subject.patience)); }
  if (subject.persistent) {
    SECTION("what was under way when a subscription stopped is delivered again") {
      bench.run(check_abandoned(bench.make(), bench.make(), subject.patience));
    }
  }
  if (subject.redelivers_failed) {
    SECTION("a failed message comes again and keeps its place") {
      bench.run(check_redelivery(bench.make(), subject.patience));
    }
  }
  if (subject.wildcards) {
    SECTION("a pattern needs at least one further character") {
      bench.run(check_wildcards(bench.make(), subject.patience));
    }
  }
}

}  // namespace mecha::conformance
