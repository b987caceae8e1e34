// Subscriptions of a fake: queues of messages that wait for the application, and of those that it
// has not answered.
#pragma once

#include "testing/hub.h"

namespace mecha::testing::detail {

/// A message that the application has. Judged: its answer has come, what follows is under way.
struct Taken {
  Message message;
  bool judged = false;
};

/// One subscription of the application. Guarded by the mutex of the hub.
struct Topic {
  SubscribeRequest request;
  std::deque<Message> pending;
  /// By the id of the event, which publishers may give to several; answers are for the oldest.
  std::multimap<std::string, Taken, std::less<>> unanswered;
  std::shared_ptr<Slot<Result<std::optional<TopicEvent>>>> waiting;
  std::optional<Error> broken;  ///< Why it ended.
  std::shared_ptr<CallbackApi> application;  ///< Who is called; null for a stream.
  bool bulk = false;  ///< It takes batches; each has one message here.
  std::vector<TopicRule> rules;  ///< Of an application; the first that holds has the path.
  std::string default_path;      ///< Where none holds; empty: the message is dropped.
};

/// Hands messages to readers that wait. Takes the lock; readers go on in place.
void pump(Hub& hub, const std::shared_ptr<Topic>& topic);
/// What an answer to a message leads to; the message is among the unanswered. Takes the lock.
void settle_message(
    Hub& hub, const std::shared_ptr<Topic>& topic, const std::string& id, Verdict verdict
);
/// Calls the application with the next message, unless one is with it. Takes the lock.
void call_next(Hub& hub, const std::shared_ptr<Topic>& topic);
/// Gives an event to all subscriptions of its topic. Takes the lock.
void deliver(Hub& hub, TopicEvent event);
/// Takes away what waits and whose time is over. Under the lock.
void drop_expired(Hub& hub);
/// Ends every stream. Takes the lock.
void break_topics(Hub& hub, const Error& error);
/// Takes a subscription off the list; what it has not answered goes to the next one.
void leave(Hub& hub, const std::shared_ptr<Topic>& topic, const Error& why);

/// A publication, checked and in its envelope; `own` ones are recorded. Takes the lock.
Result<TopicEvent> envelope(Hub& hub, const PublishRequest& request, const TraceContext* trace);
Result<void> publish_one(Hub& hub, PublishRequest request, const TraceContext* trace, bool own);

}  // namespace mecha::testing::detail
