// Bindings on Kafka, inwards and outwards (contract 03, 5.6): events are records of `topics`,
// `create` publishes one.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components/bindings/binding.hpp"
#include "components/catalog.hpp"
#include "components/kafka/feed.hpp"
#include "components/kafka/records.hpp"
#include "components/kafka/retry.hpp"
#include "runtime/async/bridge.hpp"

namespace mecha::bindings {
namespace {

using namespace std::chrono_literals;

struct KafkaBindingSettings : kafka::Settings {
  std::vector<std::string> topics;
  std::string publish_topic;

  static constexpr auto fields() {
    using S = KafkaBindingSettings;
    return std::tuple_cat(
        kafka::Settings::fields(),
        std::tuple{
            field("topics", &S::topics, "Topics whose records are events, separated by commas."),
            field("publishTopic", &S::publish_topic, "Topic of what the application creates."),
        }
    );
  }
};

// A failed event is not tried again unless consumeRetryEnabled says so; it is logged and left
// behind.
asio::awaitable<kafka::Handled> relay(EventHandler handler, InputEvent event) {
  const auto handled = co_await handler(std::move(event));
  co_return handled ? kafka::Handled::done : kafka::Handled::failed;
}

class KafkaBinding final : public Binding, public OutputBinding, public InputBinding {
 public:
  using Settings = KafkaBindingSettings;
  static constexpr ComponentInfo info{"bindings.kafka", "v1", "Apache Kafka."};

  KafkaBinding(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), log_(context.log), executor_(context.shards.executor(0)) {
    std::erase_if(settings_.topics, [](const std::string& topic) { return topic.empty(); });
  }

  OutputBinding* output() override { return this; }
  InputBinding* input() override { return this; }
  std::vector<std::string> operations() const override { return {"create"}; }

  static Result<kafka::Config> check(const Settings& settings) {
    MECHA_TRY_VOID(kafka::make_retry(settings, false));
    MECHA_TRY_VOID(kafka::Records::make(settings));
    return kafka::make_config(settings);
  }

  Async<void> start() override {
    MECHA_CO_TRY(config_, kafka::make_config(settings_));
    MECHA_CO_TRY(records_, kafka::Records::make(settings_));
    MECHA_CO_TRY(retry_, kafka::make_retry(settings_, false));
    Bridge bridge("kafka-start");
    std::function<Result<std::unique_ptr<kafka::Producer>>()> make = [this] {
      return kafka::Producer::make(config_, log_);
    };
    MECHA_CO_TRY(
        producer_, co_await bridge.call<std::unique_ptr<kafka::Producer>>(std::move(make))
    );
    co_return Result<void>{};
  }

  Async<void> stop() override {
    co_await stop_reading(0s);
    Bridge bridge("kafka-stop");
    std::function<Result<void>()> close = [this]() -> Result<void> {
      consumer_.reset();
      producer_.reset();
      return {};
    };
    co_return co_await bridge.call<void>(std::move(close));
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    if (settings_.publish_topic.empty()) {
      co_return failure(
          {.code = Code::failed_precondition, .message = "kafka error: publishTopic is missing"}
      );
    }
    auto record =
        records_.outgoing(settings_.publish_topic, std::move(request.data), request.metadata);
    if (!record) co_return failure(std::move(record).error());
    const auto sent = co_await producer_->send(*std::move(record));
    co_return sent ? no_answer() : failure(sent.error());
  }

  Async<void> read(EventHandler handler) override {
    if (settings_.topics.empty()) co_return Result<void>{};
    if (settings_.consumer_group.empty() && settings_.consumer_id.empty()) {
      co_return fail(Code::invalid_argument, "kafka error: consumerGroup is missing");
    }
    if (consumer_ == nullptr) {
      consumer_ = std::make_unique<kafka::Consumer>(
          config_, static_cast<std::size_t>(settings_.channel_buffer_size), log_
      );
    }
    for (const auto& topic : settings_.topics) {
      auto subscription = subscribe(handler);
      auto started = co_await subscription->start(topic);
      subscriptions_.push_back(std::move(subscription));
      if (started) continue;
      co_await stop_reading(0s);
      co_return fail(std::move(started).error());
    }
    co_return Result<void>{};
  }

  asio::awaitable<void> stop_reading(std::chrono::steady_clock::duration grace) override {
    const auto end = std::chrono::steady_clock::now() + grace;
    const auto ending = std::exchange(subscriptions_, {});
    for (const auto& subscription : ending) {
      const auto left = end - std::chrono::steady_clock::now();
      co_await subscription->stop(std::max(left, std::chrono::steady_clock::duration::zero()));
    }
  }

 private:
  std::unique_ptr<kafka::Feed> subscribe(EventHandler handler) {
    kafka::RecordHandler relayed = [this, handler = std::move(handler)](const kafka::Record& record) {
      return relay(handler, {record.value.value_or("null"), records_.metadata(record)});
    };
    return std::make_unique<kafka::Feed>(executor_, *consumer_, retry_, log_, std::move(relayed));
  }

  Settings settings_;
  Log log_;
  Executor executor_;
  // Set by start().
  kafka::Config config_;
  kafka::Records records_;
  kafka::Retry retry_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Consumer> consumer_;  // from the first read() on
  std::vector<std::unique_ptr<kafka::Feed>> subscriptions_;
};

}  // namespace

void register_kafka(Catalog& catalog) { catalog.add<KafkaBinding>(); }

}  // namespace mecha::bindings
