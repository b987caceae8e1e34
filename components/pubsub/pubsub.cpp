// The defaults of the broker contract, for brokers without bulk operations of their own.
#include "components/pubsub/pubsub.hpp"

#include "components/pubsub/batcher.hpp"
#include "runtime/async/lanes.hpp"

namespace mecha::pubsub {
namespace {

constexpr std::size_t kParallelPublishes = 100;
constexpr int kBatchMessages = 100;
constexpr std::chrono::milliseconds kBatchAwait{1000};

struct BulkRun {
  PubSub& broker;
  std::string topic;
  std::vector<FailedEntry> failed;
};

asio::awaitable<void> publish_entry(BulkRun& run, BulkEntry entry) {
  PublishRequest request{run.topic, std::move(entry.data), std::move(entry.content_type), std::move(entry.metadata)};
  auto published = co_await run.broker.publish(std::move(request));
  if (!published) run.failed.push_back({std::move(entry.entry_id), std::move(published).error()});
}

}  // namespace

const std::string* key_of(const std::optional<Metadata>& metadata) {
  if (!metadata) return nullptr;
  const auto key = metadata->find("partitionKey");
  return key == metadata->end() || key->second.empty() ? nullptr : &key->second;
}

asio::awaitable<std::vector<FailedEntry>> PubSub::bulk_publish(BulkPublishRequest request) {
  BulkRun run{*this, std::move(request.topic), {}};
  if (request.entries.size() == 1) {  // nothing to run at once
    co_await publish_entry(run, std::move(request.entries.front()));
    co_return std::move(run.failed);
  }
  Lanes lanes(co_await asio::this_coro::executor, kParallelPublishes);
  for (auto& entry : request.entries) {
    const auto metadata = entry.metadata;  // the key is read before the entry is moved
    auto shared = std::make_shared<BulkEntry>(std::move(entry));
    lanes.push(key_of(metadata), [&run, shared]() { return publish_entry(run, std::move(*shared)); });
  }
  co_await lanes.finish();
  co_return std::move(run.failed);
}

Async<std::unique_ptr<Subscription>> PubSub::subscribe_bulk(
    SubscribeRequest request, BulkLimits limits, BulkHandler handler
) {
  if (limits.messages_max <= 0) limits.messages_max = kBatchMessages;
  if (limits.await_max.count() <= 0) limits.await_max = kBatchAwait;
  auto batcher = std::make_shared<Batcher>(co_await asio::this_coro::executor, limits, std::move(handler));
  auto inner = co_await subscribe(std::move(request), [batcher](Message message) {
    return batcher->deliver(std::move(message));
  });
  if (!inner) co_return fail(std::move(inner).error());
  co_return std::make_unique<BatchSubscription>(std::move(batcher), *std::move(inner));
}

}  // namespace mecha::pubsub
