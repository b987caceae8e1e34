// Streams of messages: answers, ends of both kinds, and stopping.

#include "components/pluggable/feed.hpp"

#include "components/pluggable/bench.hpp"

using namespace mecha;
using namespace mecha::pluggable;
using pluggable::testing::Bench;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;

asio::awaitable<std::optional<std::string>> answer(std::string message) { co_return "ack " + message; }

asio::awaitable<std::optional<std::string>> answer_after(Event& event, std::string message) {
  co_await event.wait();
  co_return "ack " + message;
}

struct FeedBench : Bench {
  explicit FeedBench(Limits limits = {.call = 5000ms}) {
    up();
    REQUIRE(run(make({.limits = limits, .pause_first = 1ms, .pause_longest = 2ms})->start()));
    script.calls.clear();
  }
  ~FeedBench() {
    if (feed) mecha::testing::run(shards.context(0), feed->stop(0s));
  }
  Result<void> start(bool patient = false, Event* hold = nullptr) {
    FeedOptions options{.method = "PubSub/Stream", .first = {}, .what = "topic t"};
    feed = std::make_unique<Feed>(shards.executor(0), link, std::move(options), Log(make_memory_sink(lines), "test"), [this, hold](std::string message) {
      got.push_back(message);
      Job job;
      job.run = [hold, message]() { return hold == nullptr ? answer(message) : answer_after(*hold, message); };
      return job;
    });
    return run(feed->start(patient));
  }
  std::size_t opened() const { return static_cast<std::size_t>(std::ranges::count(script.calls, "PubSub/Stream")); }

  std::unique_ptr<Feed> feed;
  Texts got;
};

}  // namespace

TEST_CASE("each message is answered on its stream", "[pluggable][feed]") {
  FeedBench bench;
  bench.script.streams.push_back({.messages = {"a", "b"}, .stays = true});
  REQUIRE(bench.start());
  REQUIRE(bench.until([&] { return bench.script.answers.size() == 2; }));
  CHECK(bench.got == Texts{"a", "b"});
  CHECK(bench.script.answers == Texts{"ack a", "ack b"});
}

TEST_CASE("no more messages are taken than may be under way", "[pluggable][feed]") {
  FeedBench bench({.in_flight_max = 2});
  Event hold(bench.shards.executor(0));
  bench.script.streams.push_back({.messages = {"a", "b", "c"}, .stays = true});
  REQUIRE(bench.start(false, &hold));
  REQUIRE(bench.until([&] { return bench.got.size() == 2; }));
  bench.settle();
  CHECK(bench.got == Texts{"a", "b"});
  asio::post(bench.shards.executor(0), [&] { hold.set(); });
  REQUIRE(bench.until([&] { return bench.script.answers.size() == 3; }));
}

TEST_CASE("a stream that breaks is opened again", "[pluggable][feed]") {
  FeedBench bench;
  bench.script.streams.push_back({.messages = {"a"}, .answers = 1, .end = {.code = Code::internal, .message = "oh", .details = {}}});
  bench.script.streams.push_back({.messages = {"b"}, .stays = true});
  REQUIRE(bench.start());
  REQUIRE(bench.until([&] { return bench.script.answers.size() == 2; }));
  CHECK(bench.got == Texts{"a", "b"});
  CHECK(bench.logged("rpc error: code = Internal desc = oh"));
}

TEST_CASE("a stream that the component ends stays ended until another process comes", "[pluggable][feed]") {
  FeedBench bench;
  bench.script.streams.push_back({.messages = {"a"}, .answers = 1});
  bench.script.streams.push_back({.messages = {"b"}, .stays = true});
  REQUIRE(bench.start());
  REQUIRE(bench.until([&] { return bench.logged("has ended the stream for topic t"); }));
  bench.settle();
  CHECK(bench.opened() == 1);
  bench.down();
  bench.up();
  REQUIRE(bench.until([&] { return bench.script.answers.size() == 2; }));
  CHECK(bench.got == Texts{"a", "b"});
}

TEST_CASE("a stream goes on with the next process", "[pluggable][feed]") {
  FeedBench bench;
  bench.script.streams.push_back({.messages = {"a"}, .stays = true});
  REQUIRE(bench.start());
  REQUIRE(bench.until([&] { return bench.script.answers.size() == 1; }));
  bench.down();
  bench.script.streams.push_back({.messages = {"b"}, .stays = true});
  bench.up();
  REQUIRE(bench.until([&] { return bench.script.answers.size() == 2; }));
  const auto init = std::ranges::find(bench.script.calls, "StateStore/Init");
  CHECK(std::ranges::count(bench.script.calls.begin(), init, "PubSub/Stream") == 1);
}

TEST_CASE("stopping lets what runs end and sends its answer", "[pluggable][feed]") {
  FeedBench bench;
  Event hold(bench.shards.executor(0));
  bench.script.streams.push_back({.messages = {"a"}, .stays = true});
  REQUIRE(bench.start(false, &hold));
  REQUIRE(bench.until([&] { return bench.got.size() == 1; }));
  asio::post(bench.shards.executor(0), [&] { hold.set(); });
  mecha::testing::run(bench.shards.context(0), bench.feed->stop(5s));
  CHECK(bench.script.answers == Texts{"ack a"});
  bench.feed.reset();
}

TEST_CASE("what outlives the grace stays unanswered", "[pluggable][feed]") {
  FeedBench bench;
  Event hold(bench.shards.executor(0));
  bench.script.streams.push_back({.messages = {"a"}, .stays = true});
  REQUIRE(bench.start(false, &hold));
  REQUIRE(bench.until([&] { return bench.got.size() == 1; }));
  mecha::testing::run(bench.shards.context(0), bench.feed->stop(1ms));
  CHECK(bench.script.answers.empty());
  bench.feed.reset();
}

TEST_CASE("a feed that cannot begin fails, or is patient", "[pluggable][feed]") {
  FeedBench bench;
  bench.down();
  REQUIRE(bench.until([&] { return !bench.reports.empty(); }));
  const auto refused = bench.start();
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::unavailable);
  REQUIRE(bench.start(true));
  bench.script.streams.push_back({.messages = {"a"}, .stays = true});
  bench.up();
  CHECK(bench.until([&] { return bench.script.answers == Texts{"ack a"}; }));
}
