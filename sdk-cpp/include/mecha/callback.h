// What a sidecar asks of an application, as bytes: the counterpart of Api. mecha/service.h puts
// typed handlers on it; only tests and hosts of other kinds need it directly.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mecha/subscribe.h"
#include "mecha/task.h"

namespace mecha {

/// An invocation of a method of this application.
struct MethodCall {
  std::string method;  ///< As the caller named it: a name or a path, without a leading slash.
  std::string data = {};  ///< The body of the request.
  std::string content_type = {};  ///< Of `data`.
  std::string verb = {};   ///< The verb of HTTP; empty where the caller gave none.
  std::string query = {};  ///< `a=1&b=2`
  Metadata metadata = {};  ///< Headers of the caller, as far as the sidecar passes them on.
};

/// What a handler answers to a call.
struct MethodReply {
  std::string data = {};  ///< The body of the answer.
  std::string content_type = {};  ///< Of `data`.
  /// The caller sees them as headers of the answer, their keys in lower case. One that cannot be sent
  /// (see CallOptions::metadata) makes the call `internal`.
  Metadata headers = {};
};

/// Messages for which `match`, an expression of CEL over `event`, holds go to `path`.
struct TopicRule {
  std::string match;  ///< The expression, in CEL; empty: always.
  std::string path;  ///< Where events go for which it holds.
};

/// Messages come in batches; a member that is 0 leaves the choice to the sidecar.
struct BulkOptions {
  std::int32_t max_messages = 0;  ///< The most messages of one batch; 0: as the sidecar has it.
  std::chrono::milliseconds max_wait{0};  ///< How long a batch waits to fill up; 0: as the sidecar has it.
};

/// A subscription that the application asks for when it is asked for its list.
struct TopicSubscription {
  std::string pubsub;  ///< The name of the component.
  std::string topic;  ///< As publishers name it.
  std::vector<TopicRule> rules = {};  ///< The first that holds wins.
  std::string default_path = {};      ///< Where no rule holds; empty: such a message is dropped,
                                      ///< unless there is no rule at all.
  std::string dead_letter_topic = {};  ///< Where messages go that are dropped.
  Metadata metadata = {};  ///< Settings of the subscription.
  std::optional<BulkOptions> bulk = std::nullopt;  ///< Set: messages come in batches.
};

/// One message of a batch. A raw message, which came without an envelope, has nothing but `data`
/// and `content_type` in its event.
struct BulkEvent {
  std::string entry_id;  ///< Names the message in the answer.
  TopicEvent event;  ///< The message.
};

/// A batch of messages of one subscription that one path is for.
struct BulkTopicEvent {
  std::string id;  ///< Of the batch.
  std::string pubsub;  ///< The name of the component.
  std::string topic;  ///< As the publisher named it.
  std::string path = {};  ///< Of the subscription.
  std::vector<BulkEvent> entries = {};  ///< The messages; each gets a verdict.
  Metadata metadata = {};  ///< Of the batch.
};

/// What became of one message of a batch. One that has no verdict counts as failed.
struct EntryVerdict {
  std::string entry_id;  ///< Of which message.
  Verdict verdict = Verdict::success;  ///< What becomes of it.
};

/// An event of an input binding.
struct BindingEvent {
  std::string binding;  ///< The name of the component.
  std::string data = {};  ///< As the source gave it.
  Metadata metadata = {};  ///< What the source tells besides.
};

/// What the sidecar shall do after an event of a binding: call output bindings with the operation
/// `create`.
struct BindingReply {
  std::vector<std::string> to = {};  ///< Names of output bindings; empty: nothing is called.
  std::string data = {};             ///< JSON; what they are called with.
  bool parallel =
      false;  ///< All at a time. Otherwise one after the other, up to the first failure.
};

/// A job that is due.
struct JobEvent {
  std::string name;  ///< As it was scheduled.
  std::string data = {};          ///< As it was scheduled.
  std::string content_type = {};  ///< The type URL of the data.
};

/// Everything that a sidecar asks of an application. `Service::callbacks` gives the one behind
/// which typed handlers stand; whoever plays the sidecar calls it: the gRPC server of the service,
/// or a fake.
///
/// Threads: called on any thread, several at a time; an implementation must not block, and must not
/// run code of the user in place. Context: the caller of a function puts trace and stop token into
/// the context of the task (`with_context`, `sync_wait`, `then_call`); the token says that nobody
/// waits for the answer any more. Lifetime: the object outlives its tasks; arguments are theirs to
/// move from. Errors: an error goes to the sidecar as the status of the call. What is not
/// overridden answers `unimplemented`, so that a new call here breaks no class elsewhere.
class CallbackApi {
 public:
  CallbackApi() = default;
  CallbackApi(const CallbackApi&) = delete;
  CallbackApi& operator=(const CallbackApi&) = delete;
  virtual ~CallbackApi() = default;

  /// Calls a method. The error is the failure that the caller sees.
  virtual Task<Result<MethodReply>> on_invoke(MethodCall call);

  /// The subscriptions that the application wants; asked once, when it has come up. Not those that
  /// the operator declares, nor those that it opens as streams.
  virtual Task<Result<std::vector<TopicSubscription>>> list_topics();
  /// Handles one message. An error means `retry`, but for `unimplemented`, which a sidecar takes
  /// for done.
  virtual Task<Result<Verdict>> on_topic(TopicEvent event);
  /// Handles a batch. An error means `retry` for all of it, with the same exception.
  virtual Task<Result<std::vector<EntryVerdict>>> on_topic_bulk(BulkTopicEvent batch);

  /// The input bindings that the application wants; asked once, when it has come up.
  virtual Task<Result<std::vector<std::string>>> list_bindings();
  /// Handles an event. An error goes to the component, which may deliver again.
  virtual Task<Result<BindingReply>> on_binding(BindingEvent event);

  /// Runs a job. An error other than `not_found` means that it is tried again as it was scheduled.
  virtual Task<Result<void>> on_job(JobEvent job);

  /// Any error means that the application is not well.
  virtual Task<Result<void>> health();
};

}  // namespace mecha
