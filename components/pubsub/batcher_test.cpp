#include "components/pubsub/batcher.hpp"

#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::pubsub;
using namespace std::chrono_literals;

namespace {

struct Seen {
  std::vector<std::size_t> batches;
  std::map<std::string, Verdict> verdicts;
};

// Fails every message whose data is "bad".
asio::awaitable<std::vector<Verdict>> judge(Seen& seen, std::vector<BulkMessage> batch) {
  seen.batches.push_back(batch.size());
  std::vector<Verdict> verdicts;
  for (const auto& entry : batch) {
    verdicts.push_back(entry.message.data == "bad" ? Verdict::failed : Verdict::done);
  }
  co_return verdicts;
}

asio::awaitable<void> send(Batcher& batcher, Seen& seen, std::string data) {
  const Verdict verdict = co_await batcher.deliver(Message{.topic = "t", .data = data});
  seen.verdicts.emplace(std::move(data), verdict);
}

asio::awaitable<void> send_all(Batcher& batcher, Seen& seen, std::vector<std::string> all) {
  Gate gate(co_await asio::this_coro::executor);
  for (auto& data : all) spawn(gate, co_await asio::this_coro::executor, send(batcher, seen, data));
  co_await gate.close(5s);
  co_await batcher.close();
}

}  // namespace

TEST_CASE("a full batch goes out at once and each message gets its own verdict", "[pubsub]") {
  asio::io_context context;
  Seen seen;
  Batcher batcher(context.get_executor(), {3, 10s}, [&seen](auto batch) { return judge(seen, std::move(batch)); });
  testing::run(context, send_all(batcher, seen, {"a", "bad", "c"}));
  CHECK(seen.batches == std::vector<std::size_t>{3});
  CHECK(seen.verdicts == std::map<std::string, Verdict>{{"a", Verdict::done}, {"bad", Verdict::failed}, {"c", Verdict::done}});
}

TEST_CASE("a batch that is not full goes out after the wait", "[pubsub]") {
  asio::io_context context;
  Seen seen;
  Batcher batcher(context.get_executor(), {3, 20ms}, [&seen](auto batch) { return judge(seen, std::move(batch)); });
  testing::run(context, send_all(batcher, seen, {"a", "b", "c", "d"}));
  CHECK(seen.batches == std::vector<std::size_t>{3, 1});
  CHECK(seen.verdicts.size() == 4);
}

namespace {

asio::awaitable<void> send_and_flush(Batcher& batcher, Seen& seen) {
  Gate gate(co_await asio::this_coro::executor);
  spawn(gate, co_await asio::this_coro::executor, send(batcher, seen, "a"));
  co_await sleep_for(1ms);
  batcher.flush();
  co_await gate.close(5s);
  co_await batcher.close();
}

}  // namespace

TEST_CASE("a batch that is open goes out when the subscription stops", "[pubsub]") {
  asio::io_context context;
  Seen seen;
  Batcher batcher(context.get_executor(), {3, 10s}, [&seen](auto batch) { return judge(seen, std::move(batch)); });
  testing::run(context, send_and_flush(batcher, seen));
  CHECK(seen.batches == std::vector<std::size_t>{1});
  CHECK(seen.verdicts == std::map<std::string, Verdict>{{"a", Verdict::done}});
}
