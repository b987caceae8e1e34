#include "runtime/async/on_shard.hpp"
#include "runtime/capabilities/pubsub/subscriptions.hpp"

#include <algorithm>
#include <map>

#include "runtime/async/parallel.hpp"
#include "runtime/async/within.hpp"
#include "runtime/capabilities/pubsub/delivery.hpp"
#include "runtime/capabilities/pubsub/subscription_list.hpp"
#include "runtime/capabilities/pubsub/topics.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;

constexpr auto kPauseGrace = 5s;
constexpr auto kOpenWait = 10s;

std::unique_ptr<Sink> make_sink(AppChannel& channel) {
  return channel.is_grpc() ? make_grpc_sink(channel) : make_http_sink(channel);
}

}  // namespace

// One subscription at a broker. `subscription` and `delivery` belong to its shard, the rest to shard 0.
struct Subscriptions::Live {
  SubscriptionSpec spec;
  std::shared_ptr<const ComponentSpec> component;
  std::shared_ptr<PubSub> broker;
  std::string broker_topic;
  Executor executor;
  std::unique_ptr<Sink> sink;
  std::shared_ptr<std::shared_ptr<Delivery>> delivery;  // another one takes over when the routes change
  std::unique_ptr<Subscription> subscription;
  bool settled = false;  // the first attempt to subscribe has ended
  bool opened = false;   // and one was successful
  bool ended = false;

  // What is under way keeps the delivery that it began with.
  static asio::awaitable<Verdict> deliver(std::shared_ptr<Delivery> delivery, Message message) {
    co_return co_await delivery->deliver(std::move(message));
  }
  static asio::awaitable<std::vector<Verdict>> deliver_bulk(std::shared_ptr<Delivery> delivery, std::vector<BulkMessage> batch) {
    co_return co_await delivery->deliver_bulk(std::move(batch));
  }
  static asio::awaitable<void> reroute_here(std::shared_ptr<Live> live, std::shared_ptr<Delivery> next) {
    *live->delivery = std::move(next);
    co_return;
  }

  static Async<void> subscribe_here(std::shared_ptr<Live> live) {
    SubscribeRequest request{live->broker_topic, {live->spec.metadata.begin(), live->spec.metadata.end()}};
    Result<std::unique_ptr<Subscription>> made;
    const auto delivery = live->delivery;
    if (live->spec.bulk.enabled) {
      const BulkLimits limits{live->spec.bulk.messages_max, std::chrono::milliseconds(live->spec.bulk.await_ms_max)};
      made = co_await live->broker->subscribe_bulk(std::move(request), limits, [delivery](std::vector<BulkMessage> batch) {
        return deliver_bulk(*delivery, std::move(batch));
      });
    } else {
      made = co_await live->broker->subscribe(std::move(request), [delivery](Message message) {
        return deliver(*delivery, std::move(message));
      });
    }
    if (!made) co_return fail(std::move(made).error());
    live->subscription = *std::move(made);
    co_return Result<void>{};
  }

  static asio::awaitable<void> stop_here(std::shared_ptr<Live> live, std::chrono::steady_clock::duration grace) {
    (*live->delivery)->stopping();
    if (live->subscription == nullptr) co_return;
    const auto subscription = std::move(live->subscription);
    co_await subscription->stop(grace);
  }

  static asio::awaitable<void> end_there(
      std::shared_ptr<Live> live, std::chrono::steady_clock::duration grace, std::shared_ptr<std::size_t> left
  ) {
    struct Count {
      std::size_t& left;
      ~Count() { --left; }
    } count{*left};
    co_await on_shard(live->executor, stop_here(live, grace));
  }
};

Subscriptions::Subscriptions(Application& app, SubscriptionsOptions options)
    : app_(app),
      options_(options),
      log_(app.log.scoped("dapr.runtime.processor.subscription")),
      gate_(app.shards.executor(0)) {}

Subscriptions::~Subscriptions() = default;

asio::awaitable<void> Subscriptions::start() {
  if (running_ || app_.channel == nullptr) co_return;
  running_ = true;
  co_await reload();
}

asio::awaitable<void> Subscriptions::prepare(std::shared_ptr<const Snapshot> next) {
  if (!running_ || asked_ == Asked::refused || asking_) co_return;
  if (options_.ask_application && asked_ == Asked::no) co_return;
  const auto now = app_.snapshot();
  auto wanted = merge_subscriptions(next->subscriptions, programmatic_);
  std::erase_if(wanted, [&](const SubscriptionSpec& spec) {
    const auto* here = find<PubSub>(now->pubsubs, spec.pubsub);
    const auto* there = find<PubSub>(next->pubsubs, spec.pubsub);
    return there == nullptr || (here != nullptr && here->instance == there->instance);
  });
  co_await settle(open_missing(wanted, *next));
}

asio::awaitable<void> Subscriptions::release(std::shared_ptr<Component> broker) {
  std::vector<std::shared_ptr<Live>> ending;
  std::erase_if(live_, [&](const std::shared_ptr<Live>& live) {
    const bool gone = static_cast<Component*>(live->broker.get()) == broker.get();
    if (gone) ending.push_back(live);
    return gone;
  });
  co_await end(std::move(ending), kPauseGrace);
}

asio::awaitable<void> Subscriptions::reload(bool ask_again_now) {
  if (!running_) {
    // What is declared is known, and shown, before anything is subscribed.
    app_.set_subscriptions(merge_subscriptions(app_.snapshot()->subscriptions, programmatic_));
    co_return;
  }
  if (ask_again_now && options_.ask_application && asked_ != Asked::no && !asking_) {
    if (auto answer = co_await ask_once()) {
      programmatic_ = *std::move(answer);
      asked_ = Asked::yes;
    } else {
      log_.warn("failed to ask the application for subscriptions again", {{"error", answer.error().message}});
    }
    if (!running_) co_return;
  }
  const bool to_ask = options_.ask_application && asked_ == Asked::no && !app_.snapshot()->pubsubs.empty();
  if (to_ask && !asking_) {
    asking_ = true;
    co_await ask();
    asking_ = false;
    if (asked_ == Asked::no) spawn(gate_, app_.shards.executor(0), ask_again());
  }
  if (to_ask && asked_ == Asked::no) co_return;  // nothing starts before the application has said what it wants
  co_await apply();
}

asio::awaitable<void> Subscriptions::pause() {
  if (!running_) co_return;
  running_ = false;
  co_await end(std::exchange(live_, {}), kPauseGrace);
}

asio::awaitable<void> Subscriptions::stop(std::chrono::steady_clock::duration grace) {
  running_ = false;
  const auto ending = std::exchange(live_, {});
  std::map<std::shared_ptr<PubSub>, std::vector<std::shared_ptr<Live>>> of_brokers;
  for (const auto& live : ending) of_brokers[live->broker].push_back(live);
  const std::vector groups(of_brokers.begin(), of_brokers.end());
  co_await for_each_parallel(groups.size(), groups.size(), [&](std::size_t i) { return wind_down(groups[i].first, groups[i].second, grace); });
  co_await gate_.close(0s);
}

// One broker that is slow to be told takes of its own grace alone.
asio::awaitable<void> Subscriptions::wind_down(
    std::shared_ptr<PubSub> broker, std::vector<std::shared_ptr<Live>> ending, std::chrono::steady_clock::duration grace
) {
  const auto until = std::chrono::steady_clock::now() + grace;
  co_await broker->wind_down();
  co_await end(std::move(ending), std::max(until - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration::zero()));
}

// Asks the application; connections that fail are tried again for a while.
asio::awaitable<void> Subscriptions::ask() {
  const auto end = std::chrono::steady_clock::now() + 10s;
  auto pause = 500ms;
  for (int attempt = 0;; ++attempt) {
    auto answer = co_await ask_once();
    if (answer) {
      programmatic_ = *std::move(answer);
      asked_ = Asked::yes;
      co_return;
    }
    if (answer.error().code == Code::invalid_argument) {
      log_.warn("failed to subscribe to topics: error getting topics from app: " + answer.error().message);
      asked_ = Asked::refused;
      co_return;
    }
    if (attempt == 3 || std::chrono::steady_clock::now() + pause > end) {
      log_.warn("failed to subscribe to topics: " + answer.error().message);
      co_return;
    }
    if (!co_await sleep_for(pause)) co_return;
    pause = std::min(pause * 3 / 2, std::chrono::milliseconds(1000));
  }
}

// The application could not be reached: it is asked until it answers.
asio::awaitable<void> Subscriptions::ask_again() {
  while (asked_ == Asked::no) {
    if (!co_await sleep_for(5s)) co_return;
    if (!running_) continue;
    co_await ask();
  }
  if (running_) co_await apply();
}

// invalid_argument: an answer that cannot be used; other errors: no answer.
Async<std::vector<SubscriptionSpec>> Subscriptions::ask_once() {
  RequestScope scope(app_, app_.snapshot(), Face::internal);
  if (app_.channel->is_grpc()) {
    auto answer = co_await app_.channel->call(
        scope, "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions", {}, "", false, false
    );
    if (!answer) co_return fail(std::move(answer).error());
    if (answer->status.code == Code::unimplemented) co_return std::vector<SubscriptionSpec>{};
    if (!answer->status.ok()) co_return fail(Code::unavailable, answer->status.message);
    auto list = read_topic_subscriptions(answer->message);
    if (!list) co_return fail(Code::invalid_argument, list.error().message);
    co_return list;
  }
  AppRequest request;
  request.method = "GET";
  request.target = "/dapr/subscribe";
  request.headers.add("dapr-app-id", app_.info.id);
  request.headers.add("content-type", "application/json");
  auto answer = co_await app_.channel->request(scope, std::move(request));
  if (!answer) co_return fail(Code::unavailable, answer.error().message);
  if (answer->status == 200) {
    auto list = read_subscribe_answer(answer->body, log_);
    if (!list) co_return fail(Code::invalid_argument, list.error().message);
    co_return list;
  }
  if (answer->status != 404) {
    log_.error("app returned http status code " + std::to_string(answer->status) + " from subscription endpoint");
  }
  co_return std::vector<SubscriptionSpec>{};
}

// Makes what runs equal to what is wanted.
asio::awaitable<void> Subscriptions::apply() {
  if (asked_ == Asked::refused) co_return;
  const auto snapshot = app_.snapshot();
  auto wanted = merge_subscriptions(snapshot->subscriptions, programmatic_);
  app_.set_subscriptions(wanted);

  co_await reroute(wanted);
  std::vector<std::shared_ptr<Live>> ending;
  std::erase_if(live_, [&](const std::shared_ptr<Live>& live) {
    const auto* loaded = find<PubSub>(snapshot->pubsubs, live->spec.pubsub);
    const bool stays = loaded == nullptr || loaded->instance != live->broker ||
                       std::ranges::any_of(wanted, [&](const auto& spec) { return same_subscription(spec, live->spec); });
    if (!stays) ending.push_back(live);
    return !stays;
  });
  co_await end(std::move(ending), kPauseGrace);
  if (running_) co_await settle(open_missing(wanted, *snapshot));
}

// Where only the way inside the application differs, the subscription at the broker stays.
asio::awaitable<void> Subscriptions::reroute(const std::vector<SubscriptionSpec>& wanted) {
  const auto snapshot = app_.snapshot();
  for (const auto& live : std::vector(live_)) {
    const auto* loaded = find<PubSub>(snapshot->pubsubs, live->spec.pubsub);
    if (!live->opened || live->ended || loaded == nullptr || loaded->instance != live->broker) continue;
    const auto it = std::ranges::find_if(wanted, [&](const SubscriptionSpec& spec) {
      auto like = spec;
      like.rules = live->spec.rules;
      like.dead_letter_topic = live->spec.dead_letter_topic;
      return same_subscription(like, live->spec) && !same_subscription(spec, live->spec);
    });
    if (it == wanted.end()) continue;
    auto rules = Rules::compile(it->rules);
    if (!rules) continue;
    live->spec = *it;
    auto next = std::make_shared<Delivery>(
        app_, std::make_shared<const SubscriptionSpec>(*it), loaded->spec, *std::move(rules), *live->sink
    );
    co_await on_shard(live->executor, Live::reroute_here(live, std::move(next)));
  }
}

std::vector<std::shared_ptr<Subscriptions::Live>> Subscriptions::open_missing(
    const std::vector<SubscriptionSpec>& wanted, const Snapshot& snapshot
) {
  std::vector<std::shared_ptr<Live>> opening;
  for (const auto& spec : wanted) {
    const auto* loaded = find<PubSub>(snapshot.pubsubs, spec.pubsub);
    const auto is_live = [&](const auto& live) {
      return same_subscription(spec, live->spec) && (loaded == nullptr || loaded->instance == live->broker);
    };
    if (std::ranges::any_of(live_, is_live)) continue;
    auto live = make(spec, snapshot);
    if (!live) {
      log_.error("Failed to start subscription for pubsub " + spec.pubsub + ", topic " + spec.topic + ": " + live.error().message);
    } else if (*live != nullptr) {
      opening.push_back(*live);
      live_.push_back(*live);
      spawn(gate_, app_.shards.executor(0), open(*live));
    }
  }
  return opening;
}

// Until each was tried once, for a while.
asio::awaitable<void> Subscriptions::settle(std::vector<std::shared_ptr<Live>> opening) {
  const auto limit = std::chrono::steady_clock::now() + kOpenWait;
  const auto settled = [&opening] { return std::ranges::all_of(opening, [](const auto& live) { return live->settled || live->ended; }); };
  while (!settled() && std::chrono::steady_clock::now() < limit) {
    if (!co_await sleep_for(1ms)) co_return;
  }
}

// Null when the component is not there: the subscription waits for it.
Result<std::shared_ptr<Subscriptions::Live>> Subscriptions::make(
    const SubscriptionSpec& spec, const Snapshot& snapshot
) {
  const auto* loaded = find<PubSub>(snapshot.pubsubs, spec.pubsub);
  if (loaded == nullptr || loaded->instance == nullptr) return nullptr;
  if (!topic_allowed(*loaded->spec, app_.info.id, spec.topic, Direction::subscribe)) {
    return fail(
        Code::permission_denied, "subscription to topic '" + spec.topic + "' on pubsub '" + spec.pubsub + "' is not allowed"
    );
  }
  MECHA_TRY(auto rules, Rules::compile(spec.rules));
  auto live = std::make_shared<Live>();
  live->spec = spec;
  live->component = loaded->spec;
  live->broker = loaded->instance;
  live->broker_topic = broker_topic(*loaded->spec, app_.info, spec.topic);
  live->executor = app_.shards.executor(next_shard_++ % app_.shards.count());
  live->sink = make_sink(*app_.channel);
  live->delivery = std::make_shared<std::shared_ptr<Delivery>>(
      std::make_shared<Delivery>(
          app_, std::make_shared<const SubscriptionSpec>(spec), loaded->spec, std::move(rules), *live->sink
      )
  );
  return live;
}

asio::awaitable<void> Subscriptions::open(std::shared_ptr<Live> live) {
  auto pause = options_.retry_first;
  while (!live->ended) {
    const auto opened = co_await on_shard(live->executor, Live::subscribe_here(live));
    live->settled = true;
    live->opened = opened.has_value();
    if (opened) break;
    log_.error(
        "Failed to start subscription for pubsub " + live->spec.pubsub + ", topic " + live->spec.topic + ": failed to subscribe to topic " +
        live->spec.topic + ": " + opened.error().message
    );
    if (!co_await sleep_for(pause)) co_return;
    pause = std::min(pause * 2, options_.retry_most);
  }
  // Given up meanwhile: what was opened too late ends here.
  if (live->ended) co_await on_shard(live->executor, Live::stop_here(live, 0s));
}

// All at once: each may take the whole grace.
asio::awaitable<void> Subscriptions::end(
    std::vector<std::shared_ptr<Live>> ending, std::chrono::steady_clock::duration grace
) {
  const auto left = std::make_shared<std::size_t>(ending.size());
  for (const auto& live : ending) {
    live->ended = true;
    if (!spawn(gate_, app_.shards.executor(0), Live::end_there(live, grace, left))) --*left;
  }
  while (*left > 0) {
    if (!co_await sleep_for(2ms)) co_return;
  }
}

}  // namespace mecha::pubsub
