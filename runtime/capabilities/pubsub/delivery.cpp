#include "runtime/capabilities/pubsub/delivery.hpp"

#include "runtime/async/within.hpp"
#include "runtime/capabilities/pubsub/envelope.hpp"
#include "runtime/capabilities/pubsub/guard.hpp"
#include "runtime/capabilities/pubsub/topics.hpp"
#include "runtime/capabilities/pubsub/trace.hpp"
#include "runtime/telemetry/http_span.hpp"

namespace mecha::pubsub {

namespace {

constexpr auto kDeadLetterLimit = std::chrono::seconds(30);
constexpr unsigned kNotFound = 404;

}  // namespace

struct Delivery::Single {
  Single(Application& app, Message m) : scope(app, app.snapshot(), Face::internal), message(std::move(m)) {}
  RequestScope scope;
  Message message;
  Event event;
  std::string path;
};

Delivery::Delivery(
    Application& app,
    std::shared_ptr<const SubscriptionSpec> spec,
    std::shared_ptr<const ComponentSpec> component,
    Rules rules,
    Sink& sink
)
    : app_(app),
      kept_(std::move(spec)),
      spec_(*kept_),
      component_(std::move(component)),
      rules_(std::move(rules)),
      sink_(sink),
      log_(app.log.scoped("dapr.runtime.processor.subscription")),
      raw_(raw_payload({spec_.metadata.begin(), spec_.metadata.end()})) {}

asio::awaitable<Verdict> Delivery::deliver(Message message) {
  Single work(app_, std::move(message));
  if (!work.message.metadata) work.message.metadata.emplace();
  work.message.metadata->insert_or_assign("pubsubName", spec_.pubsub);
  co_return co_await handle(work);
}

asio::awaitable<Verdict> Delivery::handle(Single& work) {
  if (!raw_) co_return co_await refuse(work, "error deserializing pubsub metadata: " + raw_.error().message);
  const auto topic = own_topic(*component_, app_.info, work.message.topic);
  auto event = read_event(work.message, *raw_, topic, spec_.pubsub);
  if (!event) co_return co_await refuse(work, "error deserializing cloud event" + where() + ": " + event.error().message);
  work.event = *std::move(event);

  if (has_expired(work.event.envelope, std::chrono::system_clock::now())) {
    const auto end = work.event.envelope.text("expiration");
    log_.warn("dropping expired pub/sub event " + id_of(work.event.envelope) + " as of " + std::string(end), {{"topic", spec_.topic}});
    record(work.scope, "drop", "", 0);
    (void)co_await bury(work.scope, work.message);
    co_return Verdict::done;
  }
  auto path = rules_.match(work.event.envelope);
  if (!path) {
    const auto what = "error finding matching route for event " + id_of(work.event.envelope);
    co_return co_await refuse(work, what + where() + ": " + path.error().message);
  }
  if (!*path) {
    log_.debug("no matching route for event " + id_of(work.event.envelope) + where() + "; skipping");
    record(work.scope, "drop", "success", 0);
    (void)co_await bury(work.scope, work.message);
    co_return Verdict::done;
  }
  work.path = **std::move(path);
  const auto delivered = co_await guard_inbound(work.scope, spec_.pubsub, [this, &work]() { return attempt(work); });
  if (delivered) co_return Verdict::done;
  co_return co_await refuse(work, delivered.error().message);
}

std::string Delivery::where() const { return " in pubsub " + spec_.pubsub + " and topic " + spec_.topic; }

void Delivery::tell_retriable(std::string_view why) const {
  log_.warn(
      "encountered a retriable error while publishing a subscribed message to topic " + spec_.topic + ", err: " + std::string(why)
  );
}

void Delivery::tell_permanent(std::string_view why) const {
  log_.error(
      "encountered a non-retriable error while publishing a subscribed message to topic " + spec_.topic + ", err: " + std::string(why)
  );
}

void Delivery::tell_unburied(std::string_view why) const {
  log_.error(
      "error sending message to dead letter, origin topic: " + spec_.topic + " dead letter topic " + spec_.dead_letter_topic +
      " err: " + std::string(why)
  );
}

// One call of the application. Ends in an Error for whatever the policy may try again.
Async<void> Delivery::attempt(Single& work) {
  const auto begun = std::chrono::steady_clock::now();
  auto span = delivery_span(work.scope, spec_.topic, work.event.envelope);
  std::string refusal, cause;
  const Outgoing outgoing{
      .envelope = work.event.envelope,
      .body = work.event.body ? *work.event.body : work.message.data,
      .metadata = *work.message.metadata,
      .pubsub = spec_.pubsub,
      .topic = spec_.topic,
      .path = work.path,
      .refusal = refusal,
      .cause = cause,
  };
  auto answer = co_await sink_.send(work.scope, outgoing);
  const auto time = milliseconds_since(begun);
  if (!answer) {
    fail_span(span, answer.error());
    record(work.scope, "retry", "", time);
    if (!stopping_ && cause.empty()) tell_permanent(answer.error().message);
    else if (!stopping_) tell_retriable(cause);
    co_return fail(std::move(answer).error());
  }
  switch (*answer) {
    case Answer::success:
      record(work.scope, "success", "success", time);
      co_return Result<void>{};
    case Answer::ignored:
      record(work.scope, "drop", "", time);
      log_.warn(refusal, {{"topic", spec_.topic}});
      co_return Result<void>{};
    case Answer::retry:
      record(work.scope, "retry", "", time);
      tell_retriable("<nil>");
      co_return fail(
          Code::unknown, "RETRY status returned from app while processing pub/sub event " + id_of(work.event.envelope) + ": retriable error occurred"
      );
    case Answer::unknown:
      record(work.scope, "retry", "", time);
      tell_retriable("<nil>");
      co_return fail(Code::unknown, std::move(refusal));
    case Answer::drop:
    case Answer::not_found: break;
  }
  if (*answer == Answer::not_found) {
    trace::fail(span, kNotFound);
    log_.error(refusal, {{"topic", spec_.topic}});
  } else {
    log_.warn("DROP status returned from app while processing pub/sub event " + id_of(work.event.envelope), {{"topic", spec_.topic}});
  }
  record(work.scope, "drop", *answer == Answer::drop ? "success" : "", time);
  co_return co_await bury(work.scope, work.message);
}

// The message failed for good: to the dead letter topic if there is one, else back to the broker.
asio::awaitable<Verdict> Delivery::refuse(Single& work, std::string reason) {
  if (stopping_) co_return Verdict::abandoned;
  log_.error(reason, {{"pubsub", spec_.pubsub}, {"topic", spec_.topic}});
  // Counted on top of the attempts: how the message ended, without a time.
  if (spec_.dead_letter_topic.empty()) {
    record(work.scope, "retry", "", 0);
    co_return Verdict::failed;
  }
  const auto buried = co_await bury(work.scope, work.message);
  record(work.scope, buried ? "drop" : "retry", "", 0);
  if (buried) co_return Verdict::done;
  co_return stopping_ ? Verdict::abandoned : Verdict::failed;
}

// To the dead letter topic: the bytes and metadata that came. Without such a topic it is done.
Async<void> Delivery::bury(RequestScope& scope, const Message& message) {
  if (spec_.dead_letter_topic.empty()) co_return Result<void>{};
  if (stopping_) co_return fail(Code::cancelled, "stopping");
  PublishRequest request{spec_.dead_letter_topic, message.data, message.content_type, message.metadata};
  auto sent = co_await within(kDeadLetterLimit, publisher_.forward(scope, spec_.pubsub, std::move(request)));
  if (!sent) {
    tell_unburied(sent.error().message);
  }
  co_return sent;
}

void Delivery::record(
    RequestScope& scope, std::string_view process, std::string_view status, double milliseconds
) const {
  auto* metrics = scope.app.metrics.get();
  if (metrics == nullptr) return;
  const Metrics::Labels labels = {spec_.pubsub, app_.info.name_space, process, status.empty() ? process : status, spec_.topic};
  metrics->count(Metric::component_pubsub_ingress_count, labels);
  if (milliseconds > 0) metrics->observe(Metric::component_pubsub_ingress_latencies, labels, milliseconds);
}

}  // namespace mecha::pubsub
