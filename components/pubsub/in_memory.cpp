// Broker inside the process: a private bus per component, nothing survives the process, and what nobody subscribes to
// vanishes (contract 03, 4.1). One bus for all shards; a handler runs on the shard that subscribed.
//
// Messages without a key keep the order of the subscription. Publishing never waits for a handler, so a handler may
// publish to its own topic; the queue of a subscription is bounded and a publisher waits a while for room in it.

#include <atomic>
#include <mutex>

#include <boost/asio/post.hpp>

#include "components/catalog.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/lanes.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kQueueMessages = 10'000;
constexpr std::size_t kQueueBytes = 64u << 20;
constexpr std::size_t kParallel = 64;
constexpr auto kRoomWait = 5s;
const std::string kNoKey;

bool matches(std::string_view pattern, std::string_view topic) {
  if (!pattern.ends_with('*')) return pattern == topic;
  pattern.remove_suffix(1);
  return topic.size() > pattern.size() && topic.starts_with(pattern);
}

// What a subscription has that takes batches.
struct Bulk {
  explicit Bulk(const Executor& on) : gate(on), wake(on) {}

  BulkHandler handler;
  BulkLimits limits;
  std::deque<Message> waiting;
  Gate gate;
  asio::steady_timer wake;
};

// One subscriber's queue; shared by its subscription and by publishers that hold it for a moment.
struct Queue : std::enable_shared_from_this<Queue> {
  Queue(Executor on, std::string topic_pattern) : executor(std::move(on)), pattern(std::move(topic_pattern)) {}

  // From any shard. One message is always taken when the queue is empty, whatever its size.
  bool reserve(std::size_t size) {
    const auto count = messages.fetch_add(1);
    const auto before = bytes.fetch_add(size);
    if (count < kQueueMessages && (before == 0 || before + size <= kQueueBytes)) return true;
    release(size);
    return false;
  }
  void release(std::size_t size) {
    messages.fetch_sub(1);
    bytes.fetch_sub(size);
  }
  void offer(Message message) {
    asio::post(executor, [self = shared_from_this(), message = std::move(message)]() mutable {
      self->take(std::move(message));
    });
  }

  void take(Message message);
  asio::awaitable<void> handle(std::shared_ptr<Message> message);
  asio::awaitable<void> wait_until(std::chrono::steady_clock::time_point end);
  asio::awaitable<void> pump();
  asio::awaitable<void> close(std::chrono::steady_clock::duration grace);

  Executor executor;
  const std::string pattern;
  Handler handler;
  std::unique_ptr<Lanes> lanes;  // made by the first message
  std::unique_ptr<Bulk> bulk;    // of subscriptions that take batches
  std::atomic<std::size_t> messages = 0, bytes = 0;
  bool closing = false;
};

void Queue::take(Message message) {
  const auto size = message.data.size();
  if (bulk != nullptr) {
    bulk->waiting.push_back(std::move(message));
    bulk->wake.cancel();
    return;
  }
  if (closing) return release(size);
  if (lanes == nullptr) lanes = std::make_unique<Lanes>(executor, kParallel);
  auto shared = std::make_shared<Message>(std::move(message));
  const std::string* key = key_of(shared->metadata);
  const bool taken = lanes->push(key == nullptr ? &kNoKey : key, [self = shared_from_this(), shared]() {
    return self->handle(shared);
  });
  if (!taken) release(size);
}

// A failed message is lost, as the contract has it; who delivers has logged it.
asio::awaitable<void> Queue::handle(std::shared_ptr<Message> message) {
  struct Leave {
    Queue& queue;
    std::size_t size;
    ~Leave() { queue.release(size); }
  } leave{*this, message->data.size()};
  co_await handler(std::move(*message));
}

asio::awaitable<void> Queue::wait_until(std::chrono::steady_clock::time_point end) {
  bulk->wake.expires_at(end);
  co_await bulk->wake.async_wait(asio::as_tuple(asio::use_awaitable));
}

// Batches one after another: what waits when the window closes, in the order of publishing.
asio::awaitable<void> Queue::pump() {
  using Time = std::chrono::steady_clock;
  const auto full = static_cast<std::size_t>(bulk->limits.messages_max);
  auto& waiting = bulk->waiting;
  while (true) {
    while (waiting.empty() && !closing) co_await wait_until(Time::time_point::max());
    if (waiting.empty()) co_return;
    const auto end = Time::now() + bulk->limits.await_max;
    while (waiting.size() < full && !closing && Time::now() < end) co_await wait_until(end);
    std::vector<BulkMessage> batch;
    std::size_t size = 0;
    while (!waiting.empty() && batch.size() < full) {
      size += waiting.front().data.size();
      batch.push_back({text::uuid(), std::move(waiting.front())});
      waiting.pop_front();
    }
    const auto count = batch.size();
    co_await bulk->handler(std::move(batch));
    messages.fetch_sub(count);
    bytes.fetch_sub(size);
  }
}

// Publishing was answered, so what waits is still handled as long as the grace lasts.
asio::awaitable<void> Queue::close(std::chrono::steady_clock::duration grace) {
  if (bulk != nullptr) {
    closing = true;
    bulk->wake.cancel();
  }
  co_await asio::post(executor, asio::use_awaitable);  // behind the messages that are on their way here
  closing = true;
  if (bulk != nullptr) co_await bulk->gate.close(grace);
  if (lanes != nullptr) co_await lanes->close(grace);
}

// The subscriptions of one component.
class Bus {
 public:
  void add(std::shared_ptr<Queue> queue) {
    const std::lock_guard lock(mutex_);
    queues_.push_back(std::move(queue));
  }
  void remove(const std::shared_ptr<Queue>& queue) {
    const std::lock_guard lock(mutex_);
    std::erase(queues_, queue);
  }
  std::vector<std::shared_ptr<Queue>> of(const std::string& topic) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Queue>> found;
    for (const auto& queue : queues_) {
      if (matches(queue->pattern, topic)) found.push_back(queue);
    }
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Queue>> queues_;
};

class BusSubscription final : public Subscription {
 public:
  BusSubscription(std::shared_ptr<Bus> bus, std::shared_ptr<Queue> queue)
      : bus_(std::move(bus)), queue_(std::move(queue)) {}

  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override {
    bus_->remove(queue_);
    co_await queue_->close(grace);
  }

 private:
  std::shared_ptr<Bus> bus_;
  std::shared_ptr<Queue> queue_;
};

struct InMemorySettings {
  static constexpr auto fields() { return std::tuple{}; }
};

class InMemoryBroker final : public PubSub {
 public:
  using Settings = InMemorySettings;
  static constexpr ComponentInfo info{"pubsub.in-memory", "v1", "Broker inside the process, without persistence."};

  InMemoryBroker(const Settings&, const ComponentContext&) {}

  std::vector<std::string> features() const override { return {std::string(kWildcards)}; }

  Async<void> publish(PublishRequest request) override {
    auto queues = bus_->of(request.topic);
    if (!request.metadata) request.metadata.emplace();
    for (std::size_t i = 0; i < queues.size(); ++i) {
      auto room = co_await wait_for_room(queues[i], request.data.size());
      if (!room) co_return fail(std::move(room).error());
      const bool last = i + 1 == queues.size();
      Message message{queues[i]->pattern, {}, {}, {}};  // content types do not travel on this bus
      message.data = last ? std::move(request.data) : request.data;
      message.metadata = last ? std::move(request.metadata) : request.metadata;
      queues[i]->offer(std::move(message));
    }
    co_return Result<void>{};
  }

  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) override {
    auto queue = std::make_shared<Queue>(co_await asio::this_coro::executor, std::move(request.topic));
    queue->handler = std::move(handler);
    bus_->add(queue);
    co_return std::make_unique<BusSubscription>(bus_, std::move(queue));
  }

  Async<std::unique_ptr<Subscription>> subscribe_bulk(
      SubscribeRequest request, BulkLimits limits, BulkHandler handler
  ) override {
    auto queue = std::make_shared<Queue>(co_await asio::this_coro::executor, std::move(request.topic));
    if (limits.messages_max <= 0) limits.messages_max = 100;
    if (limits.await_max.count() <= 0) limits.await_max = 1s;
    queue->bulk = std::make_unique<Bulk>(queue->executor);
    queue->bulk->limits = limits;
    queue->bulk->handler = std::move(handler);
    spawn(queue->bulk->gate, queue->executor, queue->pump());
    bus_->add(queue);
    co_return std::make_unique<BusSubscription>(bus_, std::move(queue));
  }

 private:
  static Async<void> wait_for_room(std::shared_ptr<Queue> queue, std::size_t size) {
    const auto end = std::chrono::steady_clock::now() + kRoomWait;
    while (!queue->reserve(size)) {
      if (std::chrono::steady_clock::now() >= end) {
        co_return fail(Code::unavailable, "the queue of topic " + queue->pattern + " is full");
      }
      if (!co_await sleep_for(2ms)) co_return fail(Code::cancelled, "context canceled");
    }
    co_return Result<void>{};
  }

  const std::shared_ptr<Bus> bus_ = std::make_shared<Bus>();
};

}  // namespace

void register_in_memory(Catalog& catalog) { catalog.add<InMemoryBroker>(); }

}  // namespace mecha::pubsub
