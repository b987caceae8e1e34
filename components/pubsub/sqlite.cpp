// Broker in an SQLite file that the sidecars of a host share: durable without a server. An extension of ours.
//
// A topic has groups; each message goes to every group of its topic and there to one subscriber, until it has handled it
// (sqlite_log.hpp). Messages without a key begin in the order of publishing and are handled at once; of one key they come
// one after another, also over several processes. A file beside the database tells subscribers that there is something.

#include <algorithm>
#include <mutex>

#include "components/catalog.hpp"
#include "components/pubsub/sqlite_feed.hpp"
#include "components/sqlite/connection_string.hpp"
#include "components/sqlite/wake.hpp"
#include "runtime/async/within.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds kBlindPoll = 200ms;  // where the system gives no notices
constexpr auto kExpireEvery = 10min;

struct SqliteSettings {
  std::string connection;
  std::string consumer;
  milliseconds visibility = 10s, retry = 1s, poll = 2s, busy_timeout = 5s;
  std::chrono::nanoseconds retention = 168h;
  int concurrency = 100;
  int deliveries_max = 0;

  static constexpr auto fields() {
    using S = SqliteSettings;
    return std::tuple{
        field("connectionString", &S::connection, "Path or file: URI of a file on this host.").aliases("url").required("missing connection string"),
        field("consumerID", &S::consumer, "Name of the group: one of its subscribers handles a message."),
        field("concurrency", &S::concurrency, "Messages of a subscription that are handled at once.").between(1, 10'000),
        field("visibilityTimeout", &S::visibility, "Time after which a message of a process that died goes to another; renewed as long as it is handled.").between(milliseconds(100), milliseconds(24h)),
        field("retryInterval", &S::retry, "Pause before a failed message comes again; doubled each time, up to a minute.").between(milliseconds(1), milliseconds(1h)),
        field("maxDeliveries", &S::deliveries_max, "Deliveries after which a message that fails is dropped; 0 is no limit.").between(0, 1'000'000),
        field("retention", &S::retention, "Age at which a message is deleted, handled or not; 0 is never.").between(std::chrono::nanoseconds(0), std::chrono::nanoseconds(87'600h)),
        field("pollInterval", &S::poll, "Time after which a subscriber looks by itself when it heard of nothing.").between(milliseconds(10), milliseconds(1h)),
        field("busyTimeout", &S::busy_timeout, "Wait for locks of other processes.").between(milliseconds(0), milliseconds(1h)),
    };
  }
};

class SqliteSubscription final : public Subscription {
 public:
  SqliteSubscription(std::unique_ptr<SqliteFeed> feed, std::function<void(const Bell*)> leave)
      : feed_(std::move(feed)), leave_(std::move(leave)) {}

  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override {
    leave_(feed_->bell().get());
    co_await feed_->stop(grace);
  }

 private:
  std::unique_ptr<SqliteFeed> feed_;
  std::function<void(const Bell*)> leave_;
};

class SqliteBroker final : public PubSub {
 public:
  using Settings = SqliteSettings;
  static constexpr ComponentInfo info{"pubsub.sqlite", "v1", "A file on this host; durable, no server. An extension of Mecha."};

  SqliteBroker(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), home_(context.shards.executor(0)), log_(context.log), gate_(home_) {
    options_.group = settings_.consumer.empty() ? context.app_id : settings_.consumer;
    options_.concurrency = static_cast<std::size_t>(settings_.concurrency);
    options_.deliveries_max = settings_.deliveries_max;
    options_.visibility = settings_.visibility;
    options_.retry = settings_.retry;
    options_.poll = settings_.poll;
  }

  static Result<void> check(const Settings& settings) {
    MECHA_TRY(const auto options, sqlite::parse_connection_string(settings.connection));
    return sqlite::check_place(options);
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto options, sqlite::parse_connection_string(settings_.connection));
    options.connection.busy_timeout = settings_.busy_timeout;
    auto opened = co_await SqliteLog::open(std::move(options));
    if (!opened) co_return fail(std::move(opened).error().context("sqlite pubsub: opening " + settings_.connection));
    store_ = *std::move(opened);
    wake_ = std::make_shared<sqlite::Wake>(home_, store_->file() + "-wake", [this] { ring_all(); });
    if (auto heard = wake_->open(); !heard) co_return fail(std::move(heard).error().context("sqlite pubsub"));
    if (!wake_->watching()) {
      log_.warn("the system gives no notices of files (fs.inotify.max_user_instances): looking for messages instead");
      options_.poll = std::min(options_.poll, kBlindPoll);
    }
    if (settings_.retention > 0ns) spawn(gate_, home_, expire());
    co_return Result<void>{};
  }

  Async<void> stop() override {
    co_await gate_.close(0s);
    if (wake_ != nullptr) co_await wake_->close();
    co_return co_await run_aside("sqlite-close", [this] { store_.reset(); });
  }

  Async<void> publish(PublishRequest request) override {
    auto added = co_await store_->append(std::move(request));
    if (!added) co_return fail(std::move(added).error().context("sqlite pubsub: publishing"));
    wake_->touch();
    co_return Result<void>{};
  }

  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) override {
    auto feed = std::make_unique<SqliteFeed>(
        co_await asio::this_coro::executor, *store_, options_, log_, [wake = wake_] { wake->touch(); }, std::move(handler)
    );
    if (auto begun = co_await feed->start(std::move(request.topic)); !begun) {
      co_return fail(std::move(begun).error().context("sqlite pubsub: subscribing"));
    }
    {
      const std::lock_guard lock(mutex_);
      bells_.push_back(feed->bell());
    }
    feed->bell()->ring();  // what came before it was listed
    co_return std::make_unique<SqliteSubscription>(std::move(feed), [this](const Bell* bell) { remove(bell); });
  }

 private:
  void ring_all() {
    const std::lock_guard lock(mutex_);
    for (const auto& bell : bells_) bell->ring();
  }
  void remove(const Bell* gone) {
    const std::lock_guard lock(mutex_);
    std::erase_if(bells_, [gone](const auto& bell) { return bell.get() == gone; });
  }

  asio::awaitable<void> expire() {
    do {
      const auto gone = co_await store_->expire(settings_.retention);
      if (!gone) log_.warn("deleting old messages failed", {{"error", gone.error().message}});
      else if (*gone > 0) log_.info("deleted messages that are older than the retention", {{"messages", std::to_string(*gone)}});
    } while (co_await sleep_for(kExpireEvery));
  }

  const SqliteSettings settings_;
  const Executor home_;
  const Log log_;
  FeedOptions options_;
  Gate gate_;
  std::unique_ptr<SqliteLog> store_;
  std::shared_ptr<sqlite::Wake> wake_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Bell>> bells_;
};

}  // namespace

void register_sqlite(Catalog& catalog) { catalog.add<SqliteBroker>(); }

}  // namespace mecha::pubsub
