// The fake as the sidecar of a service: messages, calls, events and jobs go to its callbacks.

#include "src/sendable.h"
#include "testing/fake_api.h"
#include "testing/rules.h"
#include "testing/topic.h"

namespace mecha::testing {
namespace detail {
namespace {

using Path = Result<std::optional<std::string>>;

std::optional<bool> rule_holds(const std::string& match, const RuleHandler& told, const TopicEvent& event) {
  if (match.empty()) return true;
  if (told) return told(match, event);
  const auto expression = Expression::parse(match);
  return expression ? expression->holds(event) : std::nullopt;
}

// Where a message goes; nowhere if no rule holds and there is no default path. Fails where a rule
// does. Under no lock: the answer may be the test's.
Path path_of(const Topic& topic, const RuleHandler& told, const TopicEvent& event) {
  for (const auto& rule : topic.rules) {
    const auto holds = rule_holds(rule.match, told, event);
    if (!holds) return mecha::fail(Code::invalid_argument, "the rule fails over this event");
    if (*holds) return std::optional(rule.path);
  }
  if (topic.default_path.empty() && !topic.rules.empty()) return std::optional<std::string>();
  return std::optional(topic.default_path);
}

Result<void> check_rules(const TopicSubscription& subscription, const RuleHandler& told) {
  for (const auto& rule : subscription.rules) {
    if (rule.match.empty() || told || Expression::parse(rule.match)) continue;
    return mecha::fail(
        Code::unimplemented,
        "the fake does not evaluate the rule \"" + rule.match + "\" of topic " + subscription.topic + " of " +
            subscription.pubsub + ": tell it by Fake::on_rule which rules hold, before attach"
    );
  }
  return {};
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

namespace {

// Takes the next message, if none is with the application, and says where it goes.
std::optional<TopicEvent> take_next(Hub& hub, Topic& topic, Path& path) {
  TopicEvent event;
  RuleHandler told;
  {
    const std::lock_guard lock(hub.mutex);
    if (topic.pending.empty() || !topic.unanswered.empty()) return std::nullopt;
    auto message = std::move(topic.pending.front());
    topic.pending.pop_front();
    event = message.event;
    told = hub.rule_holds;
    topic.unanswered.insert({event.id, {std::move(message)}});
  }
  path = path_of(topic, told, event);
  if (!path || !*path) return event;
  const std::lock_guard lock(hub.mutex);
  event.path = topic.unanswered.find(event.id)->second.message.event.path = **path;
  return event;
}

// Acknowledged, and copied to the dead letter topic; the application does not see it.
void drop_unrouted(Hub& hub, Topic& topic, TopicEvent event) {
  const auto id = event.id;
  event.topic = topic.request.dead_letter_topic.value_or("");
  if (!event.topic.empty()) deliver(hub, std::move(event));
  const std::lock_guard lock(hub.mutex);
  topic.unanswered.erase(id);
  hub.changed.notify_all();
}

}  // namespace

void call_next(Hub& hub, const std::shared_ptr<Topic>& topic) {
  Path path;
  auto next = take_next(hub, *topic, path);
  for (; next && !(path && *path); next = take_next(hub, *topic, path)) {
    if (path) drop_unrouted(hub, *topic, *std::move(next));
    else settle_message(hub, topic, next->id, Verdict::retry);
  }
  if (!next) return;
  auto& event = *next;
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
  if (wanted) {
    for (const auto& subscription : *wanted)
      if (auto known = detail::check_rules(subscription, hub_->rule_holds); !known) return known;
  }
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
    topic->rules = std::move(subscription.rules);
    topic->default_path = std::move(subscription.default_path);
    hub_->topics.push_back(std::move(topic));
  }
  return {};
}

void Fake::on_rule(RuleHandler holds) {
  const std::lock_guard lock(hub_->mutex);
  hub_->rule_holds = std::move(holds);
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
