// Broker on Redis Streams, Redis 5 or later: a topic is a stream, a subscriber a consumer group (contract 03, 4.2). The layout
// is that of other implementations of the API, so both may share the data.
#include <chrono>
#include <optional>

#include "components/catalog.hpp"
#include "components/pubsub/metadata_text.hpp"
#include "components/pubsub/pubsub.hpp"
#include "components/pubsub/redis_stream.hpp"
#include "components/pubsub/slots.hpp"
#include "components/redis/client.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;
using redis::Command;

struct RedisSettings : redis::Settings {
  std::string consumer;
  std::chrono::milliseconds processing_timeout = 60s;
  std::string redeliver_interval;
  int queue_depth = 100;
  int concurrency = 10;
  std::int64_t length_max = 0;
  std::chrono::milliseconds stream_ttl{0};

  static constexpr Decoder decoder = Decoder::strict;
  static constexpr auto fields() {
    using S = RedisSettings;
    return std::tuple_cat(
        redis::Settings::fields(),
        std::tuple{
            field("consumerID", &S::consumer, "Name of the consumer group and of the consumer."),
            field("processingTimeout", &S::processing_timeout, "Age at which an unacknowledged entry is delivered again; 0 for never."),
            field("redeliverInterval", &S::redeliver_interval, "Milliseconds between looks for such entries; 15000 if absent, 0 for never."),
            field("queueDepth", &S::queue_depth, "Entries that wait in the process.").between(1, 100'000),
            field("concurrency", &S::concurrency, "Entries handled at once, over all topics.").between(1, 10'000),
            field("maxLenApprox", &S::length_max, "Length at which streams are trimmed; 0 for never."),
            field("streamTTL", &S::stream_ttl, "Age at which entries are trimmed; 0 for never."),
        }
    );
  }
};

// Whole milliseconds only: another form is not looked at.
std::chrono::milliseconds redeliver_interval(const RedisSettings& settings) {
  const auto number = text::to_int(settings.redeliver_interval);
  return number && *number >= 0 ? std::chrono::milliseconds(*number) : 15s;
}

StreamOptions stream_options(const RedisSettings& settings, const ComponentContext& context) {
  StreamOptions options;
  options.consumer = settings.consumer.empty() ? context.app_id : settings.consumer;
  options.queue_depth = static_cast<std::size_t>(settings.queue_depth);
  options.concurrency = static_cast<std::size_t>(settings.concurrency);
  options.processing_timeout = settings.processing_timeout;
  options.redeliver_interval = redeliver_interval(settings);
  return options;
}

class RedisBroker final : public PubSub {
 public:
  using Settings = RedisSettings;
  static constexpr ComponentInfo info{"pubsub.redis", "v1", "Redis Streams: one server, a cluster, or the master that sentinels name."};

  RedisBroker(const Settings& settings, const ComponentContext& context)
      : settings_(settings),
        context_(context),
        options_(stream_options(settings, context)),
        slots_(options_.concurrency) {}

  static Result<redis::Options> check(const Settings& settings) {
    if (settings.length_max > 0 && settings.stream_ttl > 0ms) {
      return fail(Code::invalid_argument, "redis streams error: maxLenApprox and streamTTL exclude each other");
    }
    return redis::resolve(settings);
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, check(settings_));
    const auto address = options.address();
    client_.emplace(context_.shards, std::move(options));
    auto connected = co_await client_->connect();
    if (!connected) co_return fail(std::move(connected).error().context("redis streams: error connecting to redis at " + address));
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (client_) co_await client_->close();
    co_return Result<void>{};
  }

  Async<void> publish(PublishRequest request) override {
    Command add("XADD", request.topic);
    if (settings_.length_max > 0) add.add("MAXLEN").add("~").add(settings_.length_max);
    if (settings_.stream_ttl > 0ms) {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      const auto oldest = std::chrono::duration_cast<std::chrono::milliseconds>(now) - settings_.stream_ttl;
      add.add("MINID").add("~").add(std::to_string(oldest.count()) + "-1");
    }
    add.add("*").add("data").add(request.data);
    if (request.metadata) add.add("metadata").add(write_metadata(*request.metadata));
    auto added = co_await client_->call(std::move(add));
    if (!added) co_return fail(std::move(added).error().context("redis streams: error from publish"));
    co_return Result<void>{};
  }

  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) override {
    const auto executor = co_await asio::this_coro::executor;
    auto made = std::make_unique<StreamSubscription>(
        executor, *client_, slots_, options_, context_.log, std::move(request.topic), std::move(handler)
    );
    MECHA_CO_TRY_VOID(co_await made->start());
    co_return made;
  }

 private:
  const RedisSettings settings_;
  const ComponentContext context_;
  const StreamOptions options_;
  Slots slots_;
  std::optional<redis::Client> client_;
};

}  // namespace

void register_redis(Catalog& catalog) { catalog.add<RedisBroker>(); }

}  // namespace mecha::pubsub
