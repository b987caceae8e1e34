// Subscriptions as streams, and what becomes of messages in them.

#include "testing/topic.h"

#include <algorithm>

#include "testing/fake_api.h"
#include "testing/lifetime.h"

namespace mecha::testing::detail {
namespace {

using Next = Result<std::optional<TopicEvent>>;

bool same(const SubscribeRequest& request, const TopicEvent& event) {
  return request.pubsub == event.pubsub && request.topic == event.topic;
}

class FakeTopic final : public TopicStream {
 public:
  FakeTopic(std::shared_ptr<Hub> hub, SubscribeRequest request, CallOptions options)
      : hub_(std::move(hub)), topic_(std::make_shared<Topic>()), options_(std::move(options)) {
    topic_->request = std::move(request);
  }
  ~FakeTopic() override { cancel(); }

  Task<Next> next() override { return next_of(hub_, topic_, options_, std::exchange(first_, false)); }
  Task<Result<void>> answer(std::string id, Verdict verdict) override {
    return answer_to(hub_, topic_, std::move(id), verdict);
  }
  void cancel() noexcept override { leave(*hub_, topic_, ended_by_caller()); }

 private:
  // Static, and with all that they need: the stream may be destroyed while they wait.
  static Task<Next> next_of(
      std::shared_ptr<Hub> hub, std::shared_ptr<Topic> topic, CallOptions options, bool first
  );
  static Task<Result<void>> answer_to(
      std::shared_ptr<Hub> hub, std::shared_ptr<Topic> topic, std::string id, Verdict verdict
  );

  std::shared_ptr<Hub> hub_;
  std::shared_ptr<Topic> topic_;
  CallOptions options_;
  bool first_ = true;
};

Result<void> open(Hub& hub, const std::shared_ptr<Topic>& topic) {
  const std::lock_guard lock(hub.mutex);
  const auto& request = topic->request;
  if (request.pubsub.empty()) return mecha::fail(Code::unknown, "pubsubName is required");
  if (request.topic.empty()) return mecha::fail(Code::unknown, "topic is required");
  if (hub.known("pubsub", request.pubsub) != Hub::Known::yes) {
    return detailed(
        Code::invalid_argument,
        "pubsub " + request.pubsub + " is not found",
        {"DAPR_PUBSUB_NOT_FOUND"}
    );
  }
  if (topic->broken) return *topic->broken;
  hub.topics.push_back(topic);
  std::erase_if(hub.left_over, [&](auto& message) {
    if (!same(request, message.event)) return false;
    topic->pending.push_back(std::move(message));
    return true;
  });
  return {};
}

Task<Next> FakeTopic::next_of(
    std::shared_ptr<Hub> hub, std::shared_ptr<Topic> topic, CallOptions options, bool first
) {
  if (first) {
    Site site{Call::subscribe, topic->request.pubsub, {topic->request.topic}};
    auto opened = co_await run<void>(hub, std::move(site), options, [topic](Hub& to) {
      return open(to, topic);
    });
    if (!opened) {
      leave(*hub, topic, opened.error());
      co_return std::move(opened).error();
    }
  }
  auto slot = std::make_shared<Slot<Next>>();
  {
    const std::lock_guard lock(hub->mutex);
    if (topic->broken) co_return *topic->broken;
    if (topic->waiting)
      co_return mecha::fail(Code::failed_precondition, "a read of this stream is under way");
    topic->waiting = slot;
  }
  pump(*hub, topic);
  auto message = co_await slot->wait(options.stop, Next(stopped()));
  if (!message) leave(*hub, topic, message.error());
  co_return message;
}

// Under the lock. What `retry` or `drop` lead to; an event for the dead letter topic.
std::optional<TopicEvent> judge(Hub& hub, Topic& topic, Message message, Verdict verdict) {
  hub.delivered.push_back({message.event, verdict, message.attempt});
  if (verdict == Verdict::success) return std::nullopt;
  const bool has_dead = !topic.request.dead_letter_topic.value_or("").empty();
  // A dead letter topic takes what failed at once, as it does where no policy tells otherwise.
  const bool again = message.attempt < hub.options.deliveries_max && message.expires > hub.now;
  if (verdict == Verdict::retry && !has_dead && again) {
    ++message.attempt;
    topic.pending.push_back(std::move(message));
  }
  if (!has_dead) return std::nullopt;
  message.event.topic = *topic.request.dead_letter_topic;
  return std::move(message.event);
}

Task<Result<void>> FakeTopic::answer_to(
    std::shared_ptr<Hub> hub, std::shared_ptr<Topic> topic, std::string id, Verdict verdict
) {
  {
    const std::lock_guard lock(hub->mutex);
    if (topic->broken) {
      co_return mecha::fail(
          Code::failed_precondition, "the stream has ended; reading tells why"
      );
    }
  }
  settle_message(*hub, topic, id, verdict);
  pump(*hub, topic);
  co_return Result<void>();
}

}  // namespace

void settle_message(
    Hub& hub, const std::shared_ptr<Topic>& topic, const std::string& id, Verdict verdict
) {
  std::optional<TopicEvent> dead;
  {
    const std::lock_guard lock(hub.mutex);
    auto found = topic->unanswered.lower_bound(id);
    const auto end = topic->unanswered.upper_bound(id);
    while (found != end && found->second.judged) ++found;
    if (found == end) return;
    dead = judge(hub, *topic, std::move(found->second.message), verdict);
    // Kept until the dead letter is on its way, so that nobody takes this for settled before.
    if (dead) found->second.judged = true;
    else topic->unanswered.erase(found);
  }
  if (dead) deliver(hub, *std::move(dead));
  const std::lock_guard lock(hub.mutex);
  const auto [first, last] = topic->unanswered.equal_range(id);
  const auto judged = std::find_if(first, last, [](const auto& one) { return one.second.judged; });
  if (dead && judged != last) topic->unanswered.erase(judged);
  hub.changed.notify_all();
}

void pump(Hub& hub, const std::shared_ptr<Topic>& topic) {
  std::shared_ptr<Slot<Next>> slot;
  Message message;
  {
    const std::lock_guard lock(hub.mutex);
    if (topic->pending.empty() || !topic->waiting) return;
    slot = std::exchange(topic->waiting, nullptr);
    message = std::move(topic->pending.front());
    topic->pending.pop_front();
    topic->unanswered.insert({message.event.id, {message}});
    hub.changed.notify_all();
  }
  if (slot->give(Next(std::optional<TopicEvent>(message.event)))) return;
  // Who read has gone meanwhile. Where the stream has ended too, the message was put aside by that.
  const std::lock_guard lock(hub.mutex);
  if (topic->broken) return;
  const auto [first, last] = topic->unanswered.equal_range(message.event.id);
  auto mine = last;
  for (auto one = first; one != last; ++one)
    if (!one->second.judged) mine = one;
  if (mine == last) return;
  topic->unanswered.erase(mine);
  topic->pending.push_front(std::move(message));
}

void drop_expired(Hub& hub) {
  const auto late = [&hub](const Message& message) { return message.expires <= hub.now; };
  for (const auto& topic : hub.topics) std::erase_if(topic->pending, late);
  std::erase_if(hub.left_over, late);
  hub.changed.notify_all();
}

void deliver(Hub& hub, TopicEvent event) {
  const auto expires = expires_at(event);
  std::vector<std::shared_ptr<Topic>> to;
  {
    const std::lock_guard lock(hub.mutex);
    for (const auto& topic : hub.topics) {
      if (!same(topic->request, event)) continue;
      topic->pending.push_back({event, 1, expires});
      to.push_back(topic);
    }
    drop_expired(hub);
  }
  for (const auto& topic : to) {
    if (topic->application) call_next(hub, topic);
    else pump(hub, topic);
  }
}

void leave(Hub& hub, const std::shared_ptr<Topic>& topic, const Error& why) {
  std::shared_ptr<Slot<Next>> slot;
  {
    const std::lock_guard lock(hub.mutex);
    if (topic->broken) return;
    topic->broken = why;
    slot = std::exchange(topic->waiting, nullptr);
    std::erase(hub.topics, topic);
    for (auto& [id, taken] : topic->unanswered) {
      if (taken.judged) continue;
      ++taken.message.attempt;
      hub.left_over.push_back(std::move(taken.message));
    }
    for (auto& message : topic->pending) hub.left_over.push_back(std::move(message));
    topic->unanswered.clear();
    topic->pending.clear();
    hub.changed.notify_all();
  }
  if (slot) slot->give(Next(why));
}

void break_topics(Hub& hub, const Error& error) {
  std::vector<std::shared_ptr<Topic>> all;
  {
    const std::lock_guard lock(hub.mutex);
    all = hub.topics;
  }
  for (const auto& topic : all) {
    if (!topic->application) leave(hub, topic, error);
  }
}

std::unique_ptr<TopicStream> FakeApi::subscribe(SubscribeRequest request, CallOptions options) {
  return std::make_unique<FakeTopic>(hub_, std::move(request), std::move(options));
}

}  // namespace mecha::testing::detail
