// The scripts of a fake, its clock and its records.

#include "testing/hub.h"
#include "testing/topic.h"

#include <algorithm>
#include <cstdio>

#include "src/sendable.h"

namespace mecha::testing {

std::string_view to_string(Call call) noexcept {
  static constexpr std::string_view names[] = {
      "get_state",
      "get_bulk_state",
      "save_state",
      "delete_state",
      "delete_bulk_state",
      "transact_state",
      "query_state",
      "invoke",
      "publish",
      "publish_bulk",
      "subscribe",
      "invoke_binding",
      "get_secret",
      "get_all_secrets",
      "get_configuration",
      "subscribe_configuration",
      "unsubscribe_configuration",
      "try_lock",
      "unlock",
      "encrypt",
      "decrypt",
      "subtle_get_key",
      "subtle_encrypt",
      "subtle_decrypt",
      "subtle_wrap_key",
      "subtle_unwrap_key",
      "subtle_sign",
      "subtle_verify",
      "get_metadata",
      "set_metadata",
      "wait_until_ready",
      "shutdown",
  };
  const auto number = static_cast<std::size_t>(call);
  return number < std::size(names) ? names[number] : "unknown";
}

Hold& Hold::operator=(Hold&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
  }
  return *this;
}

Hold::~Hold() { release(); }

bool Hold::reached(std::chrono::milliseconds limit) const {
  if (!state_) return false;
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_until(
      lock,
      mecha::detail::after<std::chrono::steady_clock>(limit),
      [this] { return state_->held > 0; }
  );
}

void Hold::release() {
  if (state_) state_->end({});
}

void Hold::fail(Error error) {
  if (state_) state_->end(error);
}

namespace detail {

bool fits(const On& on, Call call, const std::string& name, const std::vector<std::string>& keys) {
  if (on.call && *on.call != call) return false;
  if (!on.name.empty() && on.name != name) return false;
  return on.key.empty() || std::find(keys.begin(), keys.end(), on.key) != keys.end();
}

void HoldState::end(const Result<void>& with) {
  std::vector<Waiting> told;
  {
    const std::lock_guard lock(mutex);
    open = true;
    told.swap(waiting);
  }
  for (auto& call : told) call.slot->give(Result<void>(with));
}

void HoldState::expire(Time now) {
  std::vector<Waiting> told;
  {
    const std::lock_guard lock(mutex);
    const auto late = std::partition(waiting.begin(), waiting.end(), [now](const Waiting& call) {
      return call.deadline > now;
    });
    std::move(late, waiting.end(), std::back_inserter(told));
    waiting.erase(late, waiting.end());
  }
  for (auto& call : told) call.slot->give(Result<void>(too_late()));
}

Error detailed(Code code, std::string message, Details details) {
  Error error = mecha::fail(code, std::move(message));
  error.reason = std::move(details.reason);
  if (!error.reason.empty()) error.domain = "dapr.io";
  error.resource_type = std::move(details.resource_type);
  error.resource_name = std::move(details.resource_name);
  error.metadata = std::move(details.metadata);
  return error;
}

std::string Hub::next_id() {
  char text[48];
  std::snprintf(
      text, sizeof text, "00000000-0000-4000-8000-%012llx", static_cast<unsigned long long>(++ids)
  );
  return text;
}

Hub::Known Hub::known(std::string_view kind, std::string_view name) const {
  bool any = false;
  for (const auto& component : components) {
    const auto of = std::string_view(component.type).substr(0, component.type.find('.'));
    if (of != kind) continue;
    if (component.name == name) return Known::yes;
    any = true;
  }
  if (any) return Known::no;
  return options.any_component ? Known::yes : Known::none;
}

// A slow call moves the clock by itself. Under the lock.
std::optional<Admission> Hub::scripted(const Site& site, std::chrono::milliseconds limit) {
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& candidate) {
    return fits(candidate.on, site.call, site.name, site.keys);
  });
  if (rule == rules.end()) return std::nullopt;
  Admission admission;
  if (rule->kind == Rule::Kind::fail) admission.failure = rule->error;
  if (rule->kind == Rule::Kind::lose) admission.lost = rule->error;
  if (rule->kind == Rule::Kind::delay) {
    move(std::min(rule->by, limit));
    if (rule->by >= limit) admission.failure = too_late();
  }
  if (rule->left > 0 && --rule->left == 0) rules.erase(rule);
  return admission;
}

std::shared_ptr<Slot<Result<void>>> Hub::held_by(const Site& site, Time deadline) {
  std::vector<std::shared_ptr<HoldState>> all;
  {
    const std::lock_guard lock(mutex);
    all = holds;
  }
  for (const auto& hold : all) {
    const std::lock_guard lock(hold->mutex);
    if (hold->open || !fits(hold->on, site.call, site.name, site.keys)) continue;
    auto slot = std::make_shared<Slot<Result<void>>>();
    hold->waiting.push_back({slot, deadline});
    ++hold->held;
    hold->changed.notify_all();
    return slot;
  }
  return nullptr;
}

std::shared_ptr<const TraceContext> as_sent(std::shared_ptr<const TraceContext> trace) {
  if (!trace) return trace;
  auto sent = wire::sendable(*trace);
  if (sent.traceparent.empty() && sent.baggage.empty()) return nullptr;
  return std::make_shared<const TraceContext>(std::move(sent));
}

// The limit of a call, on the fake's clock. Deadlines are times of the real one: what is left of
// them counts.
static std::chrono::milliseconds limit_of(
    const CallOptions& with, std::chrono::milliseconds otherwise, const TaskContext* task
) {
  const auto limit = with.timeout.value_or(otherwise);
  if (limit == CallOptions::no_timeout || task == nullptr || !task->deadline) return limit;
  const auto left = *task->deadline - std::chrono::system_clock::now();
  return std::min(limit, std::chrono::ceil<std::chrono::milliseconds>(left));
}

Admission Hub::admit(const Site& site, const CallOptions& with, const TaskContext* task) {
  const auto limit = limit_of(with, options.timeout, task);
  CallRecord record{site.call, site.name, {}, with.metadata, with.trace, limit, {}};
  if (!site.keys.empty()) record.key = site.keys.front();
  if (!record.trace && task != nullptr) record.trace = task->trace;
  record.trace = as_sent(std::move(record.trace));
  auto headers = wire::headers_of(with.metadata);
  if (headers) record.metadata = *headers;
  bool text = wire::is_utf8(site.name);
  for (const auto& key : site.keys) text = text && wire::is_utf8(key);
  Admission admission;
  Time deadline = Time::max();
  bool slow = false;
  {
    const std::lock_guard lock(mutex);
    const auto begun = now;
    if (limit < std::chrono::floor<std::chrono::milliseconds>(Time::max() - begun)) deadline = begun + limit;
    calls.push_back(std::move(record));
    const bool stop = with.stop.stop_requested() || (task != nullptr && task->stop.stop_requested());
    if (!headers) {
      admission.failure = std::move(headers).error();
    } else if (!text) {
      admission.failure = wire::not_utf8();
    } else if (stop) {
      admission.failure = stopped();
    } else if (limit.count() <= 0) {
      admission.failure = too_late();
    } else if (down) {
      admission.failure = mecha::fail(Code::unavailable, "the sidecar was shut down");
    } else if (auto found = scripted(site, limit)) {
      admission = *std::move(found);
    }
    admission.record = calls.size() - 1;
    slow = now != begun;
  }
  if (slow) time_moved();
  if (!admission.failure) admission.held = held_by(site, deadline);
  return admission;
}

void Hub::ended(std::size_t record, Code code) {
  const std::lock_guard lock(mutex);
  calls[record].code = code;
}

void Hub::move(std::chrono::milliseconds by) {
  now += by;
  drop_expired(*this);
}

void Hub::time_moved() {
  std::vector<std::shared_ptr<HoldState>> all;
  Time at;
  {
    const std::lock_guard lock(mutex);
    at = now;
    all = holds;
  }
  for (const auto& hold : all) hold->expire(at);
}

void Hub::advance(std::chrono::milliseconds by) {
  {
    const std::lock_guard lock(mutex);
    move(by);
  }
  time_moved();
}

}  // namespace detail
}  // namespace mecha::testing
