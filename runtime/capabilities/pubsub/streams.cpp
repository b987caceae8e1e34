#include "runtime/capabilities/pubsub/streams.hpp"

#include <map>

#include <boost/asio/post.hpp>

#include "api/errors/pubsub.hpp"
#include "runtime/async/within.hpp"
#include "runtime/capabilities/pubsub/delivery.hpp"
#include "runtime/capabilities/pubsub/topic_event.hpp"
#include "runtime/capabilities/pubsub/topics.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;

constexpr auto kCloseGrace = 5s;
constexpr auto kReleaseLimit = 10s;

// Events out, verdicts in. An event waits without a limit of its own: a policy's timeout, or the end of the stream, ends it.
class StreamSink final : public Sink {
 public:
  StreamSink(Executor executor, Stream::Send send) : executor_(executor), send_(std::move(send)), turn_(executor, 0) {}

  void begin() {
    if (!std::exchange(begun_, true)) turn_.release();
  }


  Async<Answer> send(RequestScope&, const Outgoing& event) override {
    MECHA_CO_TRY(auto message, topic_event(event));
    const std::string id{event.envelope.text("id")};
    const auto waiter = std::make_shared<Waiter>(executor_);
    waiters_[id] = waiter;
    // No guard, whose end could come after that of the sink: a frame that nobody resumes goes with its event loop.
    try {
      auto answer = co_await ask(event, std::move(message), waiter);
      forget(id, waiter);
      co_return answer;
    } catch (...) {  // a `co_await` after a policy's timeout
      forget(id, waiter);
      throw;
    }
  }

  Async<std::vector<Answer>> send_batch(RequestScope&, const OutgoingBatch& batch) override {
    co_return std::vector(batch.entries.size(), Answer::retry);
  }

  bool processed(const std::string& id, std::uint64_t status) {
    const auto found = waiters_.find(id);
    if (found == waiters_.end()) return false;
    found->second->status = status;
    found->second->event.set();
    return true;
  }

  void close() {
    closed_ = true;
    begin();
    for (const auto& [id, waiter] : waiters_) waiter->event.set();
  }

 private:
  struct Waiter {
    explicit Waiter(Executor executor) : event(std::move(executor)) {}
    mecha::Event event;
    std::optional<std::uint64_t> status;
  };

  // `event` outlives it.
  Async<Answer> ask(const Outgoing& event, std::string message, std::shared_ptr<Waiter> waiter) {
    MECHA_CO_TRY_VOID(co_await write(event, std::move(message)));
    while (!waiter->status && !closed_) {
      co_await waiter->event.wait();
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) break;
    }
    if (!waiter->status) co_return fail(Code::unknown, "stream closed");
    const auto verdict = topic_answer(*waiter->status);
    // The reference prints the message that holds the status.
    if (verdict == Answer::unknown) event.refusal = unknown_status(event.envelope, "status:" + std::to_string(static_cast<std::int32_t>(*waiter->status)));
    co_return verdict;
  }

  Async<void> write(const Outgoing& event, std::string message) {
    if (!co_await turn_.acquire()) co_return fail(Code::cancelled, "context canceled");
    try {
      auto sent = closed_ ? fail(Code::unknown, "stream closed") : co_await send_(std::move(message));
      turn_.release();
      if (!sent && !closed_) {
        event.cause = sent.error().as_rpc_text();
        auto error = std::move(sent).error();
        error.message = "error returned from app while processing pub/sub event " + id_of(event.envelope) + ": retriable error occurred: " + event.cause;
        co_return fail(std::move(error));
      }
      co_return sent;
    } catch (...) {
      turn_.release();
      throw;
    }
  }

  void forget(const std::string& id, const std::shared_ptr<Waiter>& waiter) {
    if (const auto found = waiters_.find(id); found != waiters_.end() && found->second == waiter) waiters_.erase(found);
  }

  Executor executor_;
  Stream::Send send_;
  Semaphore turn_;  // one event at a time; none before begin()
  std::map<std::string, std::shared_ptr<Waiter>> waiters_;
  bool begun_ = false;
  bool closed_ = false;
};

}  // namespace

struct Stream::Parts {
  Parts(Executor executor, Send send) : sink(std::move(executor), std::move(send)) {}

  StreamSink sink;
  std::shared_ptr<const SubscriptionSpec> spec;
  std::shared_ptr<PubSub> broker;
  std::shared_ptr<Delivery> delivery;
  std::unique_ptr<Subscription> subscription;
};

Stream::Stream(Streams& streams, Executor executor, std::unique_ptr<Parts> parts)
    : streams_(streams), executor_(std::move(executor)), broker_(parts->broker.get()), parts_(std::move(parts)) {
  streams_.add(this);
}

void Stream::begin() { parts_->sink.begin(); }

Stream::~Stream() { streams_.remove(this); }

void Stream::processed(const std::string& id, std::uint64_t status) {
  if (parts_->sink.processed(id, status)) return;
  streams_.application_.log.scoped("dapr.runtime.processor.subscription")
      .warn("a verdict on an event that nobody waits for", {{"id", id}, {"topic", parts_->spec->topic}});
}

asio::awaitable<void> Stream::close() {
  if (streams_.stopping()) parts_->delivery->stopping();
  parts_->sink.close();
  streams_.application_.remove_streaming(parts_->spec);
  if (const auto subscription = std::move(parts_->subscription)) co_await subscription->stop(kCloseGrace);
}

Async<std::unique_ptr<Stream>> Streams::open(RequestScope& scope, SubscriptionSpec spec, Stream::Send send) {
  const auto* loaded = find<PubSub>(scope.snapshot->pubsubs, spec.pubsub);
  if (loaded == nullptr || loaded->instance == nullptr) co_return fail(errors::pubsub_not_found(spec.pubsub, {}));
  const auto denied = "failed to create subscription for " + spec.pubsub + ": ";
  if (!topic_allowed(*loaded->spec, application_.info.id, spec.topic, Direction::subscribe)) {
    co_return fail(
        Code::unknown,
        denied + "subscription to topic '" + spec.topic + "' on pubsub '" + spec.pubsub + "' is not allowed"
    );
  }
  MECHA_CO_TRY(auto rules, Rules::compile(spec.rules));
  const auto executor = co_await asio::this_coro::executor;
  auto parts = std::make_unique<Stream::Parts>(executor, std::move(send));
  parts->spec = std::make_shared<const SubscriptionSpec>(std::move(spec));
  parts->broker = loaded->instance;
  parts->delivery = std::make_shared<Delivery>(application_, parts->spec, loaded->spec, std::move(rules), parts->sink);
  SubscribeRequest request{
      broker_topic(*loaded->spec, application_.info, parts->spec->topic),
      {parts->spec->metadata.begin(), parts->spec->metadata.end()}};
  auto made = co_await parts->broker->subscribe(std::move(request), [delivery = parts->delivery](Message message) {
    return delivery->deliver(std::move(message));
  });
  if (!made) co_return fail(Code::unknown, denied + made.error().message);
  parts->subscription = *std::move(made);
  application_.add_streaming(parts->spec);
  co_return std::unique_ptr<Stream>(new Stream(*this, executor, std::move(parts)));
}

void Streams::add(Stream* stream) {
  const std::lock_guard lock(mutex_);
  live_.insert(stream);
  if (stopping_) stream->end();
}

void Streams::remove(Stream* stream) {
  const std::lock_guard lock(mutex_);
  live_.erase(stream);
}

// It may be gone when its shard comes to it: then it is no longer in the list.
void Streams::end(Stream* stream) {
  asio::post(stream->executor_, [this, stream] {
    {
      const std::lock_guard lock(mutex_);
      if (!live_.contains(stream)) return;
    }
    stream->end();  // only this shard takes it off the list
  });
}

asio::awaitable<void> Streams::release(std::shared_ptr<Component> broker) {
  const auto left = [this, &broker](bool end_them) {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (auto* stream : live_) {
      if (stream->broker_ != broker.get()) continue;
      ++count;
      if (end_them) end(stream);
    }
    return count;
  };
  const auto limit = std::chrono::steady_clock::now() + kReleaseLimit;
  for (bool first = true; left(std::exchange(first, false)) > 0;) {
    if (std::chrono::steady_clock::now() > limit || !co_await sleep_for(2ms)) co_return;
  }
}

std::size_t Streams::open_streams() const {
  const std::lock_guard lock(mutex_);
  return live_.size();
}

asio::awaitable<void> Streams::stop(std::chrono::steady_clock::duration grace) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto* stream : live_) end(stream);
  }
  const auto end = std::chrono::steady_clock::now() + grace;
  while (open_streams() > 0 && std::chrono::steady_clock::now() < end) {
    if (!co_await sleep_for(2ms)) co_return;
  }
}

}  // namespace mecha::pubsub
