// The fake as the sidecar of a service: messages, calls, events and jobs go to its callbacks.

#include "src/sendable.h"
#include "testing/fake_api.h"
#include "testing/topic.h"

namespace mecha::testing {
namespace detail {
namespace {

std::string path_of(const TopicSubscription& subscription) {
  if (!subscription.default_path.empty() || subscription.rules.empty())
    return subscription.default_path;
  return subscription.rules.front().path;
}

// An error means `retry`, but for `unimplemented`, which a sidecar takes for done.
Verdict verdict_of(const Result<Verdict>& answer) {
  if (answer) return *answer;
  return answer.error().code == Code::unimplemented ? Verdict::success : Verdict::retry;
}

Task<Result<Verdict>> call_bulk(std::shared_ptr<Topic> topic, TopicEvent event) {
  BulkTopicEvent batch;
  batch.id = event.id;
  batch.pubsub = event.pubsub;
  batch.topic = event.topic;
  batch.path = event.path;
  batch.entries.push_back({event.id, std::move(event)});
  auto verdicts = co_await topic->application->on_topic_bulk(std::move(batch));
  if (!verdicts) co_return std::move(verdicts).error();
  co_return verdicts->empty() ? Verdict::retry : verdicts->front().verdict;
}

}  // namespace

void call_next(Hub& hub, const std::shared_ptr<Topic>& topic) {
  TopicEvent event;
  {
    const std::lock_guard lock(hub.mutex);
    if (topic->pending.empty() || !topic->unanswered.empty()) return;
    auto message = std::move(topic->pending.front());
    topic->pending.pop_front();
    message.event.path = topic->path;
    event = message.event;
    topic->unanswered[event.id] = std::move(message);
  }
  const auto id = event.id;
  then_call(
      topic->bulk ? call_bulk(topic, std::move(event))
                  : topic->application->on_topic(std::move(event)),
      [hub = hub.shared_from_this(), topic, id](const Result<Verdict>& answer) {
        settle_message(*hub, topic, id, verdict_of(answer));
        call_next(*hub, topic);
      }
  );
}

}  // namespace detail

namespace {

template <class T, class F>
Result<T> ask(detail::Hub& hub, F asked) {
  std::shared_ptr<CallbackApi> application;
  {
    const std::lock_guard lock(hub.mutex);
    application = hub.application;
  }
  if (!application) return mecha::fail(Code::failed_precondition, "no application is attached");
  return sync_wait(asked(*application));
}

}  // namespace

Result<void> Fake::attach(std::shared_ptr<CallbackApi> application) {
  auto wanted = sync_wait(application->list_topics());
  if (!wanted && wanted.error().code != Code::unimplemented) return std::move(wanted).error();
  const std::lock_guard lock(hub_->mutex);
  hub_->application = application;
  if (!wanted) return {};
  for (auto& subscription : *wanted) {
    auto topic = std::make_shared<detail::Topic>();
    topic->request.pubsub = subscription.pubsub;
    topic->request.topic = subscription.topic;
    topic->request.metadata = subscription.metadata;
    topic->request.dead_letter_topic = subscription.dead_letter_topic;
    topic->application = application;
    topic->bulk = subscription.bulk.has_value();
    topic->path = detail::path_of(subscription);
    hub_->topics.push_back(std::move(topic));
  }
  return {};
}

Result<MethodReply> Fake::call(MethodCall call) {
  auto reply = ask<MethodReply>(*hub_, [&](CallbackApi& application) {
    return application.on_invoke(std::move(call));
  });
  if (!reply) return reply;
  auto headers = wire::headers_of(reply->headers);
  if (!headers) {
    return mecha::fail(Code::internal, "a header of the answer: " + headers.error().message);
  }
  reply->headers = std::move(*headers);
  return reply;
}

Result<BindingReply> Fake::trigger(BindingEvent event) {
  return ask<BindingReply>(*hub_, [&](CallbackApi& application) {
    return application.on_binding(std::move(event));
  });
}

Result<void> Fake::run_job(JobEvent job) {
  return ask<void>(*hub_, [&](CallbackApi& application) {
    return application.on_job(std::move(job));
  });
}

}  // namespace mecha::testing
