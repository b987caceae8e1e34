// Broker on Kafka: records with metadata as headers, one consumer group per component (contract 03, 4.3).
#include <chrono>
#include <mutex>

#include "components/catalog.hpp"
#include "components/kafka/feed.hpp"
#include "components/kafka/records.hpp"
#include "components/kafka/retry.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/async/lanes.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;

constexpr int kBatchMessages = 80;
constexpr std::chrono::milliseconds kBatchAwait{10'000};
constexpr std::size_t kParallelPublishes = 1000;

struct KafkaSettings : kafka::Settings {};

kafka::Handled handled(Verdict verdict) {
  switch (verdict) {
    case Verdict::done: return kafka::Handled::done;
    case Verdict::failed: return kafka::Handled::failed;
    case Verdict::abandoned: break;
  }
  return kafka::Handled::abandoned;
}

asio::awaitable<kafka::Handled> relay(Handler handler, Message message) {
  co_return handled(co_await handler(std::move(message)));
}

asio::awaitable<std::vector<kafka::Handled>> relay_batch(BulkHandler handler, std::vector<BulkMessage> batch) {
  std::vector<kafka::Handled> all;
  for (const auto verdict : co_await handler(std::move(batch))) all.push_back(handled(verdict));
  co_return all;
}

class KafkaSubscription final : public Subscription {
 public:
  explicit KafkaSubscription(kafka::Feed feed) : feed_(std::move(feed)) {}
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override { return feed_.stop(grace); }

 private:
  kafka::Feed feed_;
};

class KafkaBroker final : public PubSub {
 public:
  using Settings = KafkaSettings;
  static constexpr ComponentInfo info{"pubsub.kafka", "v1", "Apache Kafka."};

  KafkaBroker(const Settings& settings, const ComponentContext& context) : settings_(settings), context_(context) {
    if (settings_.consumer_id.empty()) settings_.consumer_id = context.app_id;
  }

  std::vector<std::string> features() const override { return {std::string(kBulkPublish)}; }

  static Result<kafka::Config> check(const Settings& settings) {
    MECHA_TRY_VOID(kafka::make_retry(settings, true));
    MECHA_TRY_VOID(kafka::Records::make(settings));
    return kafka::make_config(settings);
  }

  Async<void> start() override {
    MECHA_CO_TRY(config_, kafka::make_config(settings_));
    MECHA_CO_TRY(retry_, kafka::make_retry(settings_, true));
    MECHA_CO_TRY(records_, kafka::Records::make(settings_));
    Bridge bridge("kafka-start");
    MECHA_CO_TRY(producer_, co_await bridge.call<std::unique_ptr<kafka::Producer>>([this] {
      return kafka::Producer::make(config_, context_.log);
    }));
    co_return Result<void>{};
  }

  Async<void> stop() override {
    Bridge bridge("kafka-stop");
    co_return co_await bridge.call<void>([this]() -> Result<void> {
      consumer_.reset();
      producer_.reset();
      return {};
    });
  }

  Async<void> publish(PublishRequest request) override {
    const auto metadata = std::move(request.metadata).value_or(Metadata());
    MECHA_CO_TRY(auto record, records_.outgoing(std::move(request.topic), std::move(request.data), metadata));
    co_return co_await producer_->send(std::move(record));
  }

  // All at once, in order: the client makes batches of them. Metadata of the request win over those of the entries.
  asio::awaitable<std::vector<FailedEntry>> bulk_publish(BulkPublishRequest request) override {
    for (auto& entry : request.entries) {
      if (request.metadata.empty()) break;
      if (!entry.metadata) entry.metadata.emplace();
      for (const auto& [name, value] : request.metadata) entry.metadata->insert_or_assign(name, value);
    }
    co_return co_await publish_all(std::move(request));
  }

  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) override {
    auto to_handler = [this, handler = std::move(handler)](const kafka::Record& record) { return relay(handler, read(record)); };
    kafka::Feed feed(
        co_await asio::this_coro::executor, consumer(), retry_, context_.log, kafka::RecordHandler(std::move(to_handler))
    );
    co_return co_await open(std::move(feed), std::move(request.topic));
  }

  Async<std::unique_ptr<Subscription>> subscribe_bulk(
      SubscribeRequest request, BulkLimits limits, BulkHandler handler
  ) override {
    if (limits.messages_max <= 0) limits.messages_max = kBatchMessages;
    if (limits.await_max.count() <= 0) limits.await_max = kBatchAwait;
    const auto most = std::min(limits.messages_max, settings_.channel_buffer_size);  // more never waits
    auto to_handler = [this, handler = std::move(handler)](std::vector<const kafka::Record*> records) {
      std::vector<BulkMessage> batch;
      for (const auto* record : records) batch.push_back({std::to_string(batch.size()), read(*record)});
      return relay_batch(handler, std::move(batch));
    };
    kafka::Feed feed(
        co_await asio::this_coro::executor, consumer(), retry_, context_.log, kafka::BatchHandler(std::move(to_handler)),
        {static_cast<std::size_t>(most), limits.await_max}
    );
    co_return co_await open(std::move(feed), std::move(request.topic));
  }

 private:
  static Async<std::unique_ptr<Subscription>> open(kafka::Feed feed, std::string topic) {
    MECHA_CO_TRY_VOID(co_await feed.start(std::move(topic)));
    co_return std::make_unique<KafkaSubscription>(std::move(feed));
  }

  kafka::Consumer& consumer() {
    const std::lock_guard lock(mutex_);
    if (consumer_ == nullptr) {
      consumer_ = std::make_unique<kafka::Consumer>(
          config_, static_cast<std::size_t>(settings_.channel_buffer_size), context_.log
      );
    }
    return *consumer_;
  }

  Message read(const kafka::Record& record) const {
    return {.topic = record.topic, .data = record.value.value_or("null"), .metadata = records_.metadata(record)};
  }

  struct BulkRun {
    std::vector<FailedEntry> failed;
  };
  asio::awaitable<void> publish_one(BulkRun& run, std::string topic, std::shared_ptr<BulkEntry> entry) {
    auto sent = co_await publish({std::move(topic), std::move(entry->data), {}, std::move(entry->metadata)});
    if (!sent) run.failed.push_back({entry->entry_id, std::move(sent).error()});
  }
  asio::awaitable<std::vector<FailedEntry>> publish_all(BulkPublishRequest request) {
    BulkRun run;
    Lanes lanes(co_await asio::this_coro::executor, kParallelPublishes);
    for (auto& entry : request.entries) {
      auto shared = std::make_shared<BulkEntry>(std::move(entry));
      lanes.push(nullptr, [this, &run, topic = request.topic, shared]() { return publish_one(run, topic, shared); });
    }
    co_await lanes.finish();
    co_return std::move(run.failed);
  }

  Settings settings_;
  const ComponentContext context_;
  kafka::Config config_;
  kafka::Retry retry_;
  kafka::Records records_;
  std::unique_ptr<kafka::Producer> producer_;
  std::mutex mutex_;  // guards the making of the consumer
  std::unique_ptr<kafka::Consumer> consumer_;
};

}  // namespace

void register_kafka(Catalog& catalog) { catalog.add<KafkaBroker>(); }

}  // namespace mecha::pubsub
