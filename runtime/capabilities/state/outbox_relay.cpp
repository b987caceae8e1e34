#include "runtime/async/on_shard.hpp"
#include "runtime/capabilities/state/outbox_relay.hpp"

#include <algorithm>
#include <atomic>
#include <random>

#include "runtime/async/within.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/pubsub/publisher.hpp"
#include "runtime/capabilities/pubsub/topics.hpp"
#include "runtime/capabilities/state/outbox.hpp"

namespace mecha::state {
namespace {

using namespace std::chrono_literals;
using pubsub::Verdict;

constexpr auto kFirstWait = std::chrono::milliseconds(1000);  // for the commit
constexpr auto kGiveUp = 10s;
constexpr auto kPauseMost = std::chrono::milliseconds(3000);
constexpr auto kCallLimit = 5s;      // of one call of a store
constexpr auto kLook = 50ms;         // how soon a stop is seen
constexpr auto kOpenWait = 10s;
constexpr auto kEndGrace = 5s;

// Pauses between attempts: 500 ms, three times as long each time up to 3 s, 10 % to either side.
class Pauses {
 public:
  std::chrono::milliseconds next() {
    const auto now = next_;
    next_ = std::min(next_ * 3, kPauseMost);
    return std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(now.count()) * part_(random_)));
  }

 private:
  std::chrono::milliseconds next_{500};
  std::minstd_rand random_{std::random_device{}()};
  std::uniform_real_distribution<double> part_{0.9, 1.1};
};

struct Place {
  std::shared_ptr<StateStore> store;
  OutboxConfig config;
};

// One event under way.
struct Relayed {
  explicit Relayed(Application& app) : begun(app.snapshot()), scope(app, begun, Face::internal) {}
  std::shared_ptr<const Snapshot> begun;  // its broker stays until the event is out
  RequestScope scope;
  std::string marker;
  json::Value event;
};

// What is left of the first wait of an event, which has its time in whole seconds: an event that waited for its turn has none.
std::chrono::milliseconds first_wait(const json::Value& event) {
  const auto time = text::parse_rfc3339(event.text("time"));
  if (!time) return kFirstWait;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*time + 1s + kFirstWait - std::chrono::system_clock::now());
  return std::clamp(left, std::chrono::milliseconds(0), kFirstWait);
}

// Whether another attempt may help.
bool may_pass(const Error& error) {
  return error.code != Code::invalid_argument && error.code != Code::permission_denied && error.code != Code::failed_precondition;
}

}  // namespace

// A subscription to one internal topic, for all stores that publish to it. `subscription` belongs to its shard.
struct OutboxRelay::Live : std::enable_shared_from_this<Live> {
  Live(Application& the_app, std::string name, std::string the_topic)
      : app(the_app), pubsub(std::move(name)), topic(std::move(the_topic)), log(the_app.log.scoped("dapr.runtime.outbox")) {}

  Application& app;
  const std::string pubsub, topic;
  const Log log;
  std::shared_ptr<pubsub::PubSub> broker;
  std::string broker_topic;
  Executor executor;
  std::unique_ptr<pubsub::Subscription> subscription;
  std::atomic<bool> ended = false;
  bool settled = false;  // of shard 0: the first attempt to subscribe has ended

  std::vector<Place> places() const;
  asio::awaitable<bool> pause(std::chrono::milliseconds time) const;
  asio::awaitable<Verdict> handle(pubsub::Message message);
  asio::awaitable<std::optional<Place>> find_marker(std::string marker);
  asio::awaitable<Verdict> missing(std::string marker);
  asio::awaitable<Verdict> publish(Relayed& work, Place place);
  asio::awaitable<Verdict> forget(std::string marker, Place place);

  static Async<void> subscribe_here(std::shared_ptr<Live> live) {
    MECHA_CO_TRY(
        live->subscription,
        co_await live->broker->subscribe({.topic = live->broker_topic}, [live](pubsub::Message message) {
          return live->handle(std::move(message));
        })
    );
    co_return Result<void>{};
  }

  static asio::awaitable<void> stop_here(std::shared_ptr<Live> live, std::chrono::steady_clock::duration grace) {
    if (live->subscription == nullptr) co_return;
    const auto subscription = std::move(live->subscription);
    co_await subscription->stop(grace);
  }
};

// The stores of the current snapshot whose internal topic this is.
std::vector<Place> OutboxRelay::Live::places() const {
  std::vector<Place> list;
  const auto snapshot = app.snapshot();
  for (const auto& [name, loaded] : snapshot->state_stores) {
    if (!loaded.instance) continue;
    auto config = outbox_config(*loaded.spec);
    if (!config || config->internal_pubsub != pubsub || internal_topic(app.info, config->topic) != topic) continue;
    list.push_back({.store = loaded.instance, .config = *std::move(config)});
  }
  return list;
}

// False: the relay ends.
asio::awaitable<bool> OutboxRelay::Live::pause(std::chrono::milliseconds time) const {
  const auto until = std::chrono::steady_clock::now() + time;
  while (!ended) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= 0ms) co_return true;
    if (!co_await sleep_for(std::min<std::chrono::steady_clock::duration>(left, kLook))) co_return false;
  }
  co_return false;
}

asio::awaitable<Verdict> OutboxRelay::Live::handle(pubsub::Message message) {
  const auto self = shared_from_this();
  Relayed work(app);
  auto parsed = json::parse(message.data);
  if (parsed && parsed->is_object()) work.event = *std::move(parsed);
  work.marker = std::string(work.event.text("id"));
  if (!work.marker.starts_with(kMarkerPrefix)) {
    log.error("an event of the internal topic of an outbox is none of its events", {{"topic", topic}});
    co_return Verdict::failed;
  }
  if (!co_await pause(first_wait(work.event))) co_return Verdict::abandoned;
  auto place = co_await find_marker(work.marker);
  if (ended) co_return Verdict::abandoned;
  if (!place) co_return co_await missing(work.marker);
  co_return co_await publish(work, *std::move(place));
}

// The store that has the marker, once one has it; a store that fails may have it later.
asio::awaitable<std::optional<Place>> OutboxRelay::Live::find_marker(std::string marker) {
  Pauses pauses;
  const auto until = std::chrono::steady_clock::now() + kGiveUp;
  for (;;) {
    for (auto& place : places()) {
      const auto found = co_await within(kCallLimit, place.store->get({.key = marker}));
      if (found && *found) co_return std::move(place);
      if (!found) log.warn("failed to read the marker of an outbox event", {{"key", marker}, {"error", found.error().message}});
    }
    const auto wait = pauses.next();
    if (std::chrono::steady_clock::now() + wait > until || !co_await pause(wait)) co_return std::nullopt;
  }
}

// Its transaction was rolled back, or it was published before.
asio::awaitable<Verdict> OutboxRelay::Live::missing(std::string marker) {
  const auto all = places();
  const bool discard = !all.empty() && std::ranges::all_of(all, [](const Place& place) { return place.config.discard_missing; });
  if (discard) co_return Verdict::done;
  log.error("no transaction was committed for an outbox event", {{"key", marker}, {"topic", topic}});
  co_return Verdict::failed;
}

// Tried again as long as that may help: some brokers lose what fails.
asio::awaitable<Verdict> OutboxRelay::Live::publish(Relayed& work, Place place) {
  auto& event = work.event.as_object();
  event["topic"] = place.config.topic;
  event["pubsubname"] = place.config.pubsub;
  const pubsub::PublishRequest request{
      .topic = place.config.topic,
      .data = json::write(work.event, json::Dialect::number_text),
      .content_type = std::string(work.event.text("datacontenttype")),
  };
  Pauses pauses;
  for (;;) {
    work.scope.snapshot = app.snapshot();
    const auto sent = co_await pubsub::Publisher().hand_over(work.scope, place.config.pubsub, request);
    if (sent) break;
    log.error("failed to publish an outbox event", {{"key", work.marker}, {"error", sent.error().message}});
    if (!may_pass(sent.error())) co_return Verdict::failed;
    if (!co_await pause(pauses.next())) co_return Verdict::abandoned;
  }
  co_return co_await forget(work.marker, std::move(place));
}

asio::awaitable<Verdict> OutboxRelay::Live::forget(std::string marker, Place place) {
  Pauses pauses;
  const auto until = std::chrono::steady_clock::now() + kGiveUp;
  for (;;) {
    const auto removed = co_await within(kCallLimit, place.store->remove({.key = marker}));
    if (removed) co_return Verdict::done;
    const auto wait = pauses.next();
    if (std::chrono::steady_clock::now() + wait > until) {
      log.error("failed to delete the marker of an outbox event", {{"key", marker}, {"error", removed.error().message}});
      co_return Verdict::failed;
    }
    if (!co_await pause(wait)) co_return Verdict::abandoned;
  }
}

OutboxRelay::OutboxRelay(Application& app) : app_(app), gate_(app.shards.executor(0)) {}

OutboxRelay::~OutboxRelay() = default;

asio::awaitable<void> OutboxRelay::start() {
  started_ = true;
  co_await apply();
}

asio::awaitable<void> OutboxRelay::prepare(std::shared_ptr<const Snapshot> next) {
  if (!started_ || stopped_) co_return;
  const auto opening = open_missing(wanted(*next));
  const auto settled = [&opening] { return std::ranges::all_of(opening, [](const auto& live) { return live->settled || live->ended; }); };
  const auto limit = std::chrono::steady_clock::now() + kOpenWait;
  while (!settled() && std::chrono::steady_clock::now() < limit) {
    if (!co_await sleep_for(1ms)) co_return;
  }
}

asio::awaitable<void> OutboxRelay::apply() {
  if (!started_ || stopped_) co_return;
  const auto snapshot = app_.snapshot();
  const auto list = wanted(*snapshot);
  Lives ending;
  std::erase_if(live_, [&](const auto& live) {
    const auto* broker = find<pubsub::PubSub>(snapshot->pubsubs, live->pubsub);
    const bool left = broker == nullptr || broker->instance != live->broker;
    if (left || holds(list, *live)) return false;
    ending.push_back(live);
    return true;
  });
  for (const auto& live : ending) co_await end(live, kEndGrace);
  if (!stopped_) (void)open_missing(list);
}

asio::awaitable<void> OutboxRelay::release(std::shared_ptr<Component> broker) {
  Lives ending;
  std::erase_if(live_, [&](const auto& live) {
    if (static_cast<Component*>(live->broker.get()) != broker.get()) return false;
    ending.push_back(live);
    return true;
  });
  for (const auto& live : ending) co_await end(live, kEndGrace);
}

// What the stores of a snapshot need, not subscribed yet.
OutboxRelay::Lives OutboxRelay::wanted(const Snapshot& snapshot) const {
  Lives list;
  for (const auto& [name, loaded] : snapshot.state_stores) {
    const auto config = loaded.instance ? outbox_config(*loaded.spec) : std::nullopt;
    const auto* broker = config ? find<pubsub::PubSub>(snapshot.pubsubs, config->internal_pubsub) : nullptr;
    if (broker == nullptr || !broker->instance) continue;
    auto live = std::make_shared<Live>(app_, config->internal_pubsub, internal_topic(app_.info, config->topic));
    live->broker = broker->instance;
    live->broker_topic = pubsub::broker_topic(*broker->spec, app_.info, live->topic);
    list.push_back(std::move(live));
  }
  return list;
}

bool OutboxRelay::holds(const Lives& list, const Live& live) {
  return std::ranges::any_of(list, [&live](const auto& other) {
    return other->pubsub == live.pubsub && other->topic == live.topic && other->broker == live.broker;
  });
}

OutboxRelay::Lives OutboxRelay::open_missing(const Lives& wanted) {
  Lives opening;
  for (const auto& live : wanted) {
    if (holds(live_, *live)) continue;  // also of two stores with one topic
    live->executor = app_.shards.executor(next_shard_++ % app_.shards.count());
    live_.push_back(live);
    opening.push_back(live);
    spawn(gate_, app_.shards.executor(0), open(live));
  }
  return opening;
}

asio::awaitable<void> OutboxRelay::open(std::shared_ptr<Live> live) {
  Pauses pauses;
  while (!live->ended) {
    const auto opened = co_await on_shard(live->executor, Live::subscribe_here(live));
    live->settled = true;
    if (opened) break;
    live->log.error("failed to subscribe to the internal topic of an outbox", {{"topic", live->topic}, {"error", opened.error().message}});
    if (!co_await sleep_for(pauses.next())) co_return;
  }
  // Given up meanwhile: what was opened too late ends here.
  if (live->ended) co_await end(live, 0s);
}

asio::awaitable<void> OutboxRelay::end(std::shared_ptr<Live> live, std::chrono::steady_clock::duration grace) {
  live->ended = true;
  co_await on_shard(live->executor, Live::stop_here(live, grace));
}

asio::awaitable<void> OutboxRelay::stop(std::chrono::steady_clock::duration grace) {
  stopped_ = true;
  for (const auto& live : live_) live->ended = true;
  for (const auto& live : std::exchange(live_, {})) co_await end(live, grace);
  co_await gate_.close(0s);
}

}  // namespace mecha::state
