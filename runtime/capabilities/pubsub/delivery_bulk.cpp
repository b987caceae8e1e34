// Batches of messages for applications that subscribe in bulk (contract 03, 3.5).
#include <algorithm>

#include "runtime/async/within.hpp"
#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/pubsub/delivery.hpp"
#include "runtime/capabilities/pubsub/guard.hpp"
#include "runtime/capabilities/pubsub/trace.hpp"

namespace mecha::pubsub {
namespace {

constexpr auto kDeadLetterLimit = std::chrono::seconds(30);

// What is to be done with an entry; `waiting` ones still have to reach the application.
enum class State : std::uint8_t { waiting, done, failed, dropped };

struct Item {
  OutgoingEntry entry;
  Message message;
  std::string path;
  State state = State::waiting;
  bool retried = false;  // counted as such, once at least
};

Async<BulkOutcome> whole(asio::awaitable<BulkOutcome> work) { co_return co_await std::move(work); }

}  // namespace

struct Delivery::Bulk {
  Bulk(Application& app) : scope(app, app.snapshot(), Face::internal) {}
  RequestScope scope;
  std::vector<Item> items;
  std::string id = text::uuid();
  // What became of the entries, attempt by attempt, and how long the last attempt took (ms).
  std::size_t succeeded = 0, dropped = 0, retried = 0;
  double time = 0;

  void count_retry(Item& item) {
    item.retried = true;
    ++retried;
  }

  std::vector<Item*> waiting_at(const std::string& path) {
    std::vector<Item*> found;
    for (auto& item : items) {
      if (item.state == State::waiting && item.path == path) found.push_back(&item);
    }
    return found;
  }
};

asio::awaitable<std::vector<Verdict>> Delivery::deliver_bulk(std::vector<BulkMessage> messages) {
  Bulk work(app_);
  read_batch(work, std::move(messages));
  while (true) {
    const auto next = std::ranges::find(work.items, State::waiting, &Item::state);
    if (next == work.items.end()) break;
    co_await send_route(work, next->path);
  }
  co_await bury_batch(work);
  report(work);
  std::vector<Verdict> verdicts;
  for (const auto& item : work.items) {
    const bool failed = item.state == State::failed;
    verdicts.push_back(!failed ? Verdict::done : stopping_ ? Verdict::abandoned : Verdict::failed);
  }
  co_return verdicts;
}

// Events and routes; what is no event, has expired or has no route is decided here.
void Delivery::read_batch(Bulk& work, std::vector<BulkMessage> messages) {
  for (auto& bulk : messages) {
    Item& item = work.items.emplace_back();
    item.message = std::move(bulk.message);
    item.entry.entry_id = std::move(bulk.entry_id);
    item.entry.metadata = item.message.metadata;
    item.entry.content_type = item.message.content_type.value_or("");
    if (item.entry.metadata) item.entry.metadata->erase("pubsubName");
    if (!raw_) {
      item.state = State::failed;
      work.count_retry(item);
      continue;
    }
    if (*raw_) {
      item.entry.event = item.message.data;
    } else {
      auto event = json::parse(item.message.data, true);
      if (!event || (!event->is_object() && !event->is_null())) {
        const auto why = event ? json::mismatch(*event, {}, "map[string]interface {}").error().message : event.error().message;
        log_.error("error deserializing one of the messages in bulk cloud event" + where() + ": " + why);
        item.state = State::failed;
        work.count_retry(item);
        continue;
      }
      item.entry.event = *std::move(event);
      if (has_expired(item.entry.event, std::chrono::system_clock::now())) {
        item.state = State::dropped;
        ++work.dropped;
        continue;
      }
    }
    auto path = rules_.match(item.entry.event);
    if (!path) {
      log_.error(
          "Error finding matching route for event in bulk subscribe " + spec_.pubsub + " and topic " + spec_.topic + " for entry id " +
          item.entry.entry_id + ": " + path.error().message
      );
      item.state = State::failed;
      work.count_retry(item);
    } else if (!*path) {
      item.state = State::dropped;
      ++work.dropped;
    } else {
      item.path = **std::move(path);
    }
  }
}

asio::awaitable<void> Delivery::send_route(Bulk& work, std::string path) {
  const auto entries = work.waiting_at(path);
  auto sent = co_await guard_inbound(work.scope, spec_.pubsub, [this, &work, path]() { return attempt_route(work, path); });
  if (!sent && !stopping_) {
    log_.error(sent.error().message, {{"pubsub", spec_.pubsub}, {"topic", spec_.topic}});
  }
  for (auto* item : entries) {
    if (item->state != State::waiting) continue;
    item->state = State::failed;
    if (!item->retried) work.count_retry(*item);  // no attempt was made
  }
}

// The component is named by the constant that the reference writes, which dashboards look for (contract 06, 7.2).
void Delivery::report(const Bulk& work) const {
  if (app_.metrics == nullptr) return;
  auto& metrics = *app_.metrics;
  const std::string_view component = "pubsubName", space = app_.info.name_space;
  const Metrics::Labels labels = {component, space, "", spec_.topic};
  metrics.count(Metric::component_pubsub_ingress_bulk_count, labels);
  if (work.time > 0) metrics.observe(Metric::component_pubsub_ingress_bulk_latencies, labels, work.time);
  const auto entries = [&](std::string_view status, std::size_t count) {
    if (count == 0) return;
    metrics.count(Metric::component_pubsub_ingress_bulk_event_count, {component, space, status, spec_.topic}, static_cast<double>(count));
  };
  entries("success", work.succeeded);
  entries("drop", work.dropped);
  entries("retry", work.retried);
}

// One request with what still waits; entries that the application refuses wait for the next attempt.
Async<void> Delivery::attempt_route(Bulk& work, std::string path) {
  const auto items = work.waiting_at(path);
  std::vector<const OutgoingEntry*> entries;
  for (const auto* item : items) entries.push_back(&item->entry);
  Refusal refusal;
  const OutgoingBatch batch{work.id, entries, spec_.pubsub, spec_.topic, path, *raw_, refusal};
  std::vector<trace::Span> spans;
  if (!*raw_) {
    for (const auto* item : items) spans.push_back(delivery_span(work.scope, spec_.topic, item->entry.event));
  }
  const auto begun = std::chrono::steady_clock::now();
  auto answers = co_await sink_.send_batch(work.scope, batch);
  work.time = milliseconds_since(begun);
  if (!answers) {
    for (auto* item : items) work.count_retry(*item);
    for (auto& span : spans) fail_span(span, answers.error());
    co_return fail(std::move(answers).error());
  }
  if (refusal.is_error) log_.error(refusal.text, {{"topic", spec_.topic}});
  else if (!refusal.text.empty()) log_.warn(refusal.text, {{"topic", spec_.topic}});
  bool again = false;
  for (std::size_t i = 0; i < items.size(); ++i) {
    switch ((*answers)[i]) {
      case Answer::success:
        items[i]->state = State::done;
        ++work.succeeded;
        break;
      case Answer::ignored:
        items[i]->state = State::done;
        ++work.dropped;
        break;
      case Answer::drop:
      case Answer::not_found:
        items[i]->state = State::dropped;
        ++work.dropped;
        break;
      case Answer::retry:
      case Answer::unknown:
        again = true;
        work.count_retry(*items[i]);
        break;
    }
  }
  if (again) co_return fail(Code::unknown, "RETRY status returned from app while processing bulk pub/sub event");
  co_return Result<void>{};
}

// Failed and dropped entries go to the dead letter topic together; a failed one that gets there is done.
asio::awaitable<void> Delivery::bury_batch(Bulk& work) {
  if (spec_.dead_letter_topic.empty() || stopping_) co_return;
  BulkPublishRequest request{.topic = spec_.dead_letter_topic, .entries = {}, .metadata = {}};
  for (auto& item : work.items) {
    if (item.state != State::failed && item.state != State::dropped) continue;
    BulkEntry entry{item.entry.entry_id, item.message.data, item.message.content_type.value_or(""), item.message.metadata};
    if (!entry.metadata) entry.metadata.emplace();
    entry.metadata->insert_or_assign("pubsubName", spec_.pubsub);
    request.entries.push_back(std::move(entry));
  }
  if (request.entries.empty()) co_return;
  auto sent = co_await within(
      kDeadLetterLimit, whole(publisher_.forward_bulk(work.scope, spec_.pubsub, std::move(request)))
  );
  BulkOutcome outcome;
  if (sent) outcome = *std::move(sent);
  else outcome.error = std::move(sent).error();
  const auto refused = [&outcome](const std::string& id) {
    return std::ranges::find(outcome.failed, id, &FailedEntry::entry_id) != outcome.failed.end();
  };
  for (auto& item : work.items) {
    const bool all_lost = outcome.error && outcome.failed.empty();
    if (item.state != State::failed || all_lost || refused(item.entry.entry_id)) continue;
    item.state = State::done;
    ++work.dropped;
    --work.retried;
  }
  if (outcome.error) {
    tell_unburied(outcome.error->message);
  }
}

}  // namespace mecha::pubsub
