// A sidecar in memory, for tests of applications: the whole Api without a process, a port or a real
// clock, with failures on request.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mecha/callback.h"
#include "mecha/client.h"
#include "mecha/testing/script.h"

namespace mecha::testing {

namespace detail {
struct Hub;
}

/// What a fake begins with.
struct FakeOptions {
  std::string app_id = "app";  ///< Of the application; the source of what it publishes.
  /// Where its clock begins; it moves by Fake::advance and by calls that are scripted to be slow.
  std::chrono::system_clock::time_point now = 
      std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
  /// The limit of a call that names none, like ClientOptions::timeout.
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
  /// Every name is a component, until Fake::add_component names one of the same kind. False: only
  /// what was added.
  bool any_component = true;
  /// How often a message is given to an application that answers `retry`. A subscription with a
  /// dead letter topic gets it once.
  int deliveries_max = 10;
};

/// A message that the application published.
struct Published {
  std::string id;  ///< Of the event.
  std::string pubsub;  ///< The name of the component.
  std::string topic;  ///< Where it went.
  std::string data;  ///< The payload.
  std::string content_type;  ///< Of `data`.
  Metadata metadata;  ///< Settings of this message.
  bool raw = false;  ///< Without an envelope.
};

/// What the application said of a message that it received.
struct Delivered {
  TopicEvent event;  ///< As the application got it.
  Verdict verdict;  ///< What it said.
  int attempt = 1;  ///< Counted from 1.
};

using InvokeHandler = std::function<Task<Result<InvokeResponse>>(InvokeRequest)>;
using BindingHandler = std::function<Result<BindingResponse>(const BindingRequest&)>;
using RuleHandler = std::function<bool(const std::string& match, const TopicEvent& event)>;
using QueryHandler = std::function<Result<StateItems>(const QueryStateRequest&)>;

/// The fake and what a test tells and asks it. The application under test gets `client()` or
/// `api()`, which may outlive the fake.
///
/// It answers as a sidecar with components in memory does, codes and texts included; the tests of
/// the SDK run one list of calls on both. Different on purpose: time stands still until the test
/// moves it, and the deadline of a TaskContext, a time of the real clock, leaves a call the limit
/// that it has left when the call begins; a message answered by `retry` comes again at once, as a policy may have it; documents are scrambled, not
/// encrypted.
///
/// Threads: everything may be called from any thread. Calls end in place, on the thread that
/// awaits them, and streams go on on the thread that published, unless the task has an executor.
class Fake {
 public:
  /// A sidecar of its own; fakes share nothing.
  explicit Fake(FakeOptions options = {});
  ~Fake();
  Fake(const Fake&) = delete;
  Fake& operator=(const Fake&) = delete;

  /// For the application under test.
  Client client() const { return Client(api()); }
  /// The same as bytes.
  std::shared_ptr<Api> api() const;

  // Time.

  /// What its clock shows.
  std::chrono::system_clock::time_point now() const;
  /// Moves the clock: values, locks and messages that wait expire, calls that are held reach their
  /// deadlines.
  void advance(std::chrono::milliseconds by);

  // Failures. Scripts are tried in the order in which they were made; a call uses up one at most.

  /// The next `times` calls fail and have no effect.
  void fail(On on, Error error, int times = 1);
  /// The same with a text that says that it was scripted.
  void fail(On on, Code code, int times = 1);
  /// The calls have their effect, but end with this error, as when an answer gets lost.
  void lose_answer(On on, Error error, int times = 1);
  /// The calls take this long on the fake's clock, which moves by itself: nobody waits. A call whose
  /// limit is shorter has no effect and fails with `deadline_exceeded`.
  void delay(On on, std::chrono::milliseconds by, int times = 1);
  /// Every call that fits waits, before its effect, for the handle. Its limit, its stop token and
  /// the destruction of its task end it earlier.
  Hold hold(On on);
  /// Forgets failures, lost answers and delays that were not used.
  void clear_scripts();

  // What happened.

  /// Those that fit, in their order.
  std::vector<CallRecord> calls(const On& on = {}) const;
  /// How many fit.
  std::size_t count(const On& on) const { return calls(on).size(); }

  // Components.

  /// Makes a component known, such as `{"orders", "state.redis"}`; from then on, other names of its
  /// kind are refused as a sidecar refuses them.
  void add_component(ComponentInfo info);

  // State.

  /// Writes a value as bytes, without a call.
  void put_state(std::string store, std::string key, std::string value);
  /// The bytes of a key, without a call; empty when it is absent or expired.
  std::optional<std::string> state(const std::string& store, const std::string& key) const;
  /// Answers queries; without it they are refused, as by a store that cannot be queried.
  void on_query(std::string store, QueryHandler answer);

  // Messages.

  /// What the application published, in order.
  std::vector<Published> published(const std::string& pubsub = {}, const std::string& topic = {})
      const;
  /// Publishes as another application does: subscribers get it, `published` does not show it.
  template <Encodable T>
  Result<void> emit(std::string pubsub, std::string topic, const T& value) {
    auto bytes = mecha::detail::encode(value);
    if (!bytes) return std::move(bytes).error();
    return emit_bytes(
        {std::move(pubsub), std::move(topic), std::move(*bytes), std::string(Codec<T>::content_type)}
    );
  }
  /// The same with a text.
  template <mecha::detail::Text Text>
  Result<void> emit(std::string pubsub, std::string topic, const Text& text) {
    return emit(std::move(pubsub), std::move(topic), std::string(std::string_view(text)));
  }
  /// The same as bytes, with a content type of its own.
  Result<void> emit_bytes(PublishRequest request);
  /// What became of the messages that were received, in the order of their answers.
  std::vector<Delivered> delivered(const std::string& topic = {}) const;
  /// Ends all open subscriptions with an error, as a sidecar that goes away does. What was not
  /// answered is delivered to the next subscription of the same topic.
  void break_streams(Error error);
  /// Plays the sidecar of a service without a port: `fake.attach(service.callbacks())`. Asks for its
  /// subscriptions and gives it their messages from then on, one at a time for each subscription.
  /// Batches have one message. Of CEL, in which routing rules are written, the fake knows
  /// comparisons of attributes of the event (`event.type`, `event.data["items"]`, `event.data.list[0]`)
  /// with texts, numbers, `true`, `false`, `null` and lists, `in`, `has()`, `size()`, `startsWith`,
  /// `endsWith`, `contains`, `&&`, `||`, `!`, `? :` and parentheses; not arithmetic, `matches`, macros
  /// such as `exists`, and conversions. A subscription with any other rule is refused unless on_rule was called
  /// before; a message over which a rule fails is tried again.
  Result<void> attach(std::shared_ptr<CallbackApi> application);
  /// Says which routing rules hold, in place of what the fake itself makes of them. Asked
  /// for each message and rule in their order, until one holds; on the thread that publishes or
  /// answers.
  void on_rule(RuleHandler holds);
  /// Calls a method of the attached application, as another one does; blocks.
  Result<MethodReply> call(MethodCall call);
  /// Raises an event of an input binding of the attached application; blocks.
  Result<BindingReply> trigger(BindingEvent event);
  /// Runs a job of the attached application; blocks.
  Result<void> run_job(JobEvent job);
  /// Waits, in real time, until every message was taken and answered; false when the limit came
  /// first. `publish` returns when delivery has begun.
  bool settle(std::chrono::milliseconds limit = std::chrono::seconds(10)) const;

  // Other applications and systems.

  /// What another application answers to a method; an empty method: to all that have no other
  /// answer.
  void on_invoke(std::string app, std::string method, InvokeHandler answer);
  /// The same with values: `answer(Body)` returns a Reply or a Result of one.
  template <Encodable Body, class F>
  void on_invoke(std::string app, std::string method, F answer) {
    on_invoke(
        std::move(app), std::move(method), [answer = std::move(answer)](InvokeRequest request) {
          return ready(answer_typed<Body>(answer, request));
        }
    );
  }
  /// What a binding answers to an operation. Without it, every operation succeeds with no data.
  void on_binding(std::string binding, std::string operation, BindingHandler answer);
  /// What bindings were asked to do, in order.
  std::vector<BindingRequest> bound(const std::string& binding = {}) const;

  // Secrets, configuration, keys.

  /// A secret with one value, under its own name.
  void set_secret(std::string store, std::string key, std::string value);
  /// A secret with several values.
  void set_secret(std::string store, std::string key, Secret values);
  /// Forbids a secret, as the scopes of a sidecar do.
  void deny_secret(std::string store, std::string key);
  /// Writes an item; watchers hear of it.
  void set_configuration(std::string store, std::string key, ConfigurationItem item);
  /// The same without a version.
  void set_configuration(std::string store, std::string key, std::string value) {
    set_configuration(std::move(store), std::move(key), ConfigurationItem{std::move(value), {}, {}});
  }
  /// Makes a key known; from then on, other names are refused by this provider.
  void add_key(std::string provider, std::string key);

  // The sidecar.

  /// What the metadata call lists as enabled.
  void set_features(std::vector<std::string> features);
  /// True after the application called `shutdown`; every later call is `unavailable`.
  bool shut_down() const;

 private:
  template <Encodable Body, class F>
  static Result<InvokeResponse> answer_typed(const F& answer, InvokeRequest& request) {
    auto body = mecha::detail::decode<Body>(std::move(request.data));
    if (!body.has_value()) return std::move(body).error();
    auto given = answer(std::move(*body));
    using Given = decltype(given);
    if constexpr (mecha::detail::IsResult<Given>::value) {
      if (!given.has_value()) return std::move(given).error();
      return reply_of(*given);
    } else {
      return reply_of(given);
    }
  }
  template <Encodable Reply>
  static Result<InvokeResponse> reply_of(const Reply& reply) {
    auto bytes = mecha::detail::encode(reply);
    if (!bytes) return std::move(bytes).error();
    return InvokeResponse{std::move(*bytes), std::string(Codec<Reply>::content_type), {}, 0};
  }

  std::shared_ptr<detail::Hub> hub_;
};

}  // namespace mecha::testing
