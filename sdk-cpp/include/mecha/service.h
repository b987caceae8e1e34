// The service host: handlers by name for what a sidecar calls, and messages that the application
// fetches itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mecha/client.h"
#include "mecha/handler.h"

namespace mecha {

/// How many handlers may run at a time, and how many requests may wait for their turn. A request
/// beyond both is refused: `resource_exhausted`, for a message `retry`.
struct Limit {
  std::size_t running = 0;  ///< 0: no limit here.
  std::size_t waiting = 64;  ///< More are refused.
};

/// Settings of one method.
struct MethodOptions {
  std::string verb = {};  ///< Only calls with this verb of HTTP; empty: all that no other takes.
  Limit limit = {};  ///< Of this handler.
};

/// Members after `match` are of the subscription, which all handlers of one topic share: say them
/// once.
struct TopicOptions {
  std::string match = {};  ///< Only events for which this expression of CEL over `event` holds; the
                           ///< handlers are asked in the order of their registration. Empty: all
                           ///< other events.
  std::string path = {};   ///< Of the rule; empty: one is made. A subscription that is declared
                           ///< names the path of its handler here.
  std::string dead_letter_topic = {};  ///< Where messages go that are dropped; empty: nowhere.
  Metadata metadata = {};  ///< Settings of the subscription.
  std::optional<BulkOptions> bulk = std::nullopt;  ///< Set: messages come in batches.
  bool declared = false;  ///< A resource of the sidecar declares it: handled, but not asked for.
  Limit limit = {};  ///< Of this handler.
};

/// Settings of one subscription as a stream.
struct StreamOptions {
  std::optional<std::string> dead_letter_topic = std::nullopt;  ///< Where messages go that are dropped.
  Metadata metadata = {};  ///< Settings of the subscription.
  /// `running = 1` keeps the order. `waiting` is not used: a stream reads a message only when the
  /// one before has its turn.
  Limit limit = {};
};

/// Settings of one input binding.
struct BindingOptions {
  Limit limit = {};  ///< Of this handler.
};
/// Settings of one job.
struct JobOptions {
  Limit limit = {};  ///< Of this handler.
};

/// TLS on the port of a service, for a sidecar that is told `--app-protocol grpcs`. Each member is
/// PEM text, not a path.
struct ServerTls {
  std::string certificate;  ///< With those of the authorities between it and the root.
  std::string key;  ///< Of `certificate`.
};

/// Settings of a service. What is empty comes from the environment.
struct ServiceOptions {
  /// Where the sidecar finds this application. Only what runs on this machine can reach the
  /// default.
  std::string address = "127.0.0.1";
  /// Empty: `APP_PORT`. 0: any that is free, see `Service::port`.
  std::optional<std::uint16_t> port = std::nullopt;
  /// What calls, events and jobs must carry. Empty optional: `APP_API_TOKEN`; an empty string: no
  /// token is asked for.
  std::optional<std::string> app_token = std::nullopt;
  /// Empty: plain text.
  std::optional<ServerTls> tls = std::nullopt;
  /// Over which streams run; empty: one is made as the environment says.
  std::optional<Client> client = std::nullopt;
  /// Where coroutines run; it outlives the service and all its handlers. Null: two threads of the
  /// service's own.
  Executor* executor = nullptr;
  /// The most threads for handlers that are plain functions.
  std::size_t threads = 16;
  /// For all handlers together; health is outside.
  Limit limit = {64, 256};
  /// The longest message taken from the sidecar, in bytes.
  std::size_t message_size_max = std::size_t{16} << 20;
  /// How long stopping waits for handlers that run.
  std::chrono::milliseconds stop_limit = std::chrono::seconds(10);
  /// Told what an operator should know, one line each, on any thread. Empty: the standard error.
  /// What it throws is swallowed.
  std::function<void(std::string_view)> log = {};
};

/// Serves what a sidecar calls, by handlers under names:
///
///     mecha::Service service;
///     service.method("reserve", [](Request request) -> mecha::Result<Reply> { ... });
///     service.topic("bus", "orders", [](Order order) -> mecha::Task<mecha::Verdict> { ... });
///     auto ended = service.run();
///
/// A handler is a plain function or a coroutine. It takes a value (any type with a Codec), the
/// request (`MethodCall`, `TopicEvent`, `BindingEvent`, `JobEvent`, `BulkTopicEvent`), both in any
/// order, or nothing; references hold until it has ended, captures as long as the service. It gives
/// what its kind says below, or a Result of that, or a Task of either. An error, or an exception,
/// is the failure of the request.
///
/// Threads: coroutines run on the executor, plain functions on threads of the service, where they
/// may block; several at a time as the limits say. Register on one thread, before the start.
/// `stop`, `request_stop`, `client` and `port` may be called from any thread. Context: calls that a handler
/// makes belong to the trace of its request and end at its deadline; its stop token says that the sidecar gave up or that
/// stopping took too long; what is registered with it runs on threads of its own, of which a service has eight for calls and
/// eight for messages of streams: up to seven that block there delay nobody, eight delay the others. Lifetime: the destructor stops; a handler that does not end within
/// `stop_limit` is left behind with all it holds.
class Service {
 public:
  /// Nothing is opened before the start.
  explicit Service(ServiceOptions options = {});
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  /// Answers calls of `name`, without a leading slash; a name that ends in `*` takes all that begin
  /// so and that no longer name takes. Gives a value to encode, a MethodReply, or nothing. A value
  /// that does not decode is `invalid_argument`; a name without a handler `unimplemented`.
  template <class F>
  Service& method(std::string name, F handler, MethodOptions options = {}) {
    add(std::move(name),
        detail::make_handler<detail::MethodKind>(std::move(handler)),
        std::move(options));
    return *this;
  }

  /// Handles messages that the sidecar brings. Gives a Verdict, or nothing for `success`; an error
  /// means `retry`. A message that does not decode is dropped, which takes it to the dead letter
  /// topic where there is one.
  template <class F>
  Service& topic(std::string pubsub, std::string topic, F handler, TopicOptions options = {}) {
    add(std::move(pubsub),
        std::move(topic),
        detail::make_handler<detail::TopicKind>(std::move(handler)),
        std::move(options));
    return *this;
  }

  /// Handles messages in batches; takes `std::vector<BulkMessage<T>>`. Gives a verdict for all, or
  /// a `std::vector<Verdict>` with one for each, in their order.
  template <class F>
  Service& topic_bulk(std::string pubsub, std::string topic, F handler, TopicOptions options = {}) {
    if (!options.bulk && !options.declared) options.bulk.emplace();
    add(std::move(pubsub),
        std::move(topic),
        detail::make_bulk_handler(std::move(handler)),
        std::move(options));
    return *this;
  }

  /// Handles messages that the service fetches over a connection of its own, so that no port is
  /// needed. As `topic` otherwise. A stream that breaks is opened again.
  template <class F>
  Service& stream(std::string pubsub, std::string topic, F handler, StreamOptions options = {}) {
    add_stream(
        std::move(pubsub),
        std::move(topic),
        detail::make_handler<detail::TopicKind>(std::move(handler)),
        std::move(options)
    );
    return *this;
  }

  /// Handles the events of an input binding. Gives nothing, or a BindingReply.
  template <class F>
  Service& binding(std::string name, F handler, BindingOptions options = {}) {
    add(std::move(name),
        detail::make_handler<detail::BindingKind>(std::move(handler)),
        std::move(options));
    return *this;
  }

  /// Runs a job when it is due. Gives nothing; after any error it is tried again as it was
  /// scheduled.
  template <class F>
  Service& job(std::string name, F handler, JobOptions options = {}) {
    add(std::move(name),
        detail::make_handler<detail::JobKind>(std::move(handler)),
        std::move(options));
    return *this;
  }

  /// Says whether the application is well; gives a `Result<void>`. It has a thread of its own, so
  /// that handlers that keep all others busy do not hold it up. Without it, the application is well
  /// as long as it serves.
  template <class F>
  Service& health(F handler) {
    add(detail::make_handler<detail::HealthKind>(std::move(handler)));
    return *this;
  }

  /// Begins to serve and returns. A port is opened when there are handlers that need one, or when
  /// the options name one. Fails with `invalid_argument` for registrations that contradict each
  /// other and for TLS that cannot be used, with `failed_precondition` when there is nothing to
  /// serve or no port is named, and with `unavailable` when the port cannot be had.
  Result<void> start();

  /// Serves until SIGINT, SIGTERM or `request_stop`, then stops as `stop` does. A second signal has
  /// its usual effect. One service of a process at a time.
  Result<void> run();

  /// Lets `run` stop, also one that begins later. From any thread and any handler.
  void request_stop() noexcept;

  /// Refuses what is new, lets handlers that run end and be answered, closes streams and port.
  /// After `stop_limit` it asks the remaining handlers to stop, answers `unavailable` for them, and
  /// fails with `deadline_exceeded`. Not from a handler. A service cannot be started again.
  Result<void> stop();

  /// The client of the options, or one that is made as the environment says when it is first asked
  /// for: for handlers, and what streams run over. Before the start or after it; any thread.
  Result<Client> client();

  /// Where it listens; 0 when no port is open.
  std::uint16_t port() const noexcept;

  /// What stands behind the port, for whoever plays the sidecar without one. Ends registering.
  /// Alive as long as somebody holds it, but refuses everything once the service is stopped.
  std::shared_ptr<CallbackApi> callbacks();

 private:
  class Host;

  void add(std::string, detail::Handler<MethodCall, MethodReply>, MethodOptions);
  void add(std::string, std::string, detail::Handler<TopicEvent, Verdict>, TopicOptions);
  void add(
      std::string, std::string, detail::Handler<BulkTopicEvent, std::vector<Verdict>>, TopicOptions
  );
  void add_stream(std::string, std::string, detail::Handler<TopicEvent, Verdict>, StreamOptions);
  void add(std::string, detail::Handler<BindingEvent, BindingReply>, BindingOptions);
  void add(std::string, detail::Handler<JobEvent, void>, JobOptions);
  void add(detail::Handler<detail::HealthCheck, void>);

  std::unique_ptr<Host> host_;
};

}  // namespace mecha
