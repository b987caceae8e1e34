// From what the sidecar asks to the handler that answers. Every coroutine here holds the dispatcher
// first, so that a handler that was left behind finds it.

#include "src/dispatcher.h"

#include <exception>
#include <utility>

namespace mecha::detail {

Result<std::vector<Verdict>> merge_verdicts(
    Result<Verdicts> given, const std::vector<bool>& readable
) {
  if (!given) return std::move(given).error();
  std::size_t seen = 0;
  for (const bool is_readable : readable) seen += is_readable;
  if (!given->all && given->each.size() != seen) {
    return fail(
        Code::internal,
        "the handler gave " + std::to_string(given->each.size()) + " verdicts for " +
            std::to_string(seen) + " messages"
    );
  }
  std::vector<Verdict> to;
  std::size_t next = 0;
  for (const bool is_readable : readable) {
    if (!is_readable) {
      to.push_back(Verdict::drop);
    } else {
      to.push_back(given->all ? *given->all : given->each[next++]);
    }
  }
  return to;
}

}  // namespace mecha::detail

namespace mecha::wire {
namespace {

constexpr std::size_t coroutine_threads = 2;

template <class T>
Task<Result<T>> failed(Code code, std::string message) {
  return ready(Result<T>(fail(code, std::move(message))));
}

const Metadata& metadata_of(const MethodCall& call) { return call.metadata; }
const Metadata& metadata_of(const TopicEvent& event) { return event.metadata; }
const Metadata& metadata_of(const BulkTopicEvent& batch) { return batch.metadata; }
const Metadata& metadata_of(const BindingEvent& event) { return event.metadata; }
Metadata metadata_of(const JobEvent&) { return {}; }

// What the handler of a request hands down.
template <class In>
TaskContext context_for(const TaskContext* outer, const In& in, Executor* executor) {
  TaskContext to = outer == nullptr ? TaskContext() : *outer;
  to.executor = executor;
  if (!to.trace) to.trace = trace_of(metadata_of(in));
  return to;
}

std::string topic_name(const std::string& pubsub, const std::string& topic) {
  return "topic " + topic + " of " + pubsub;
}

// A sidecar takes `unimplemented` for "done": not what a handler means that could not do something.
Error as_failure(Error error) {
  if (error.code == Code::unimplemented) error.code = Code::internal;
  return error;
}

}  // namespace

std::shared_ptr<const TraceContext> trace_of(const Metadata& metadata) {
  TraceContext trace;
  const auto read = [&](std::string_view name, std::string& to) {
    if (const auto found = metadata.find(name); found != metadata.end()) to = found->second;
  };
  read("traceparent", trace.traceparent);
  read("tracestate", trace.tracestate);
  read("baggage", trace.baggage);
  if (trace.traceparent.empty() && trace.baggage.empty()) return nullptr;
  return std::make_shared<const TraceContext>(std::move(trace));
}

Dispatcher::Dispatcher(const ServiceOptions& options, std::function<void(std::string_view)> log)
    : coroutines_(coroutine_threads),
      workers_(options.threads),
      nurse_(1),
      executor_(options.executor == nullptr ? &coroutines_ : options.executor),
      limiter_(std::make_shared<Limiter>(options.limit)),
      log_(std::move(log)) {}

// One handler, from its place in the queue of threads to its end.
class Dispatcher::Running {
 public:
  explicit Running(Dispatcher& of) : of_(of) {
    const std::lock_guard lock(of_.mutex_);
    ++of_.running_;
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    const std::lock_guard lock(of_.mutex_);
    if (--of_.running_ == 0) of_.changed_.notify_all();
  }

 private:
  Dispatcher& of_;
};

void Dispatcher::log(const std::string& line) const {
  try {
    log_(line);
  } catch (...) {
    // What cannot be told must not end the program.
  }
}

void Dispatcher::close() noexcept {
  if (closed_.exchange(true)) return;
  registry.close();
  limiter_->close();
}

bool Dispatcher::wait_until(std::chrono::steady_clock::time_point limit) noexcept {
  std::unique_lock lock(mutex_);
  bool ended = changed_.wait_until(lock, limit, [this] { return running_ == 0; });
  lock.unlock();
  for (auto* pool : {&workers_, &nurse_, &coroutines_}) {
    pool->close();
    ended = pool->wait_until(limit) && ended;
  }
  return ended;
}

template <class In, class Out>
Task<Result<Turns>> Dispatcher::enter(EntryPtr<In, Out> entry, bool patient) {
  auto of_handler = co_await entry->limiter->enter(patient);
  if (!of_handler) co_return std::move(of_handler).error();
  auto of_service = co_await limiter_->enter(patient);
  if (!of_service) co_return std::move(of_service).error();
  co_return Turns{std::move(*of_handler), std::move(*of_service)};
}

// Runs the handler where it belongs; what it throws becomes an error.
template <class In, class Out>
Task<detail::Answer<Out>> Dispatcher::call(EntryPtr<In, Out> entry, In in, Pool* workers) {
  const TaskContext* context = co_await current_context();
  const Running running(*this);
  const bool plain = entry->handler.plain;
  if (workers == nullptr) workers = &workers_;
  co_await move_to(plain ? static_cast<Executor&>(*workers) : *executor_);
  detail::Answer<Out> answer;
  if (context->stop.stop_requested()) {
    answer.result = fail(Code::cancelled, "the sidecar gave up");
    co_return answer;
  }
  try {
    if (plain) {
      const detail::AmbientScope scope(context);  // such a handler does not suspend
      answer = co_await entry->handler.call(std::move(in));
    } else {
      answer = co_await entry->handler.call(std::move(in));
    }
  } catch (const std::exception& thrown) {
    answer.result = fail(Code::internal, std::string("the handler threw: ") + thrown.what());
  } catch (...) {
    answer.result = fail(Code::internal, "the handler threw something that is no std::exception");
  }
  co_return answer;
}

template <class In, class Out>
Task<Result<Out>> Dispatcher::run(EntryPtr<In, Out> entry, In in, std::string name) {
  const auto self = shared_from_this();
  const TaskContext* outer = co_await current_context();
  const TaskContext context = context_for(outer, in, executor_);
  co_await detail::SetContext{&context};
  auto turns = co_await enter(entry, false);
  if (!turns) co_return std::move(turns).error();
  auto answer = co_await call(entry, std::move(in));
  if (answer.unreadable != 0) {
    co_return fail(Code::invalid_argument, name + ": " + answer.result.error().message);
  }
  co_return std::move(answer.result);
}

Task<Result<MethodReply>> Dispatcher::on_invoke(MethodCall call) {
  auto entry = registry.method(call.method, call.verb);
  auto name = "method " + call.method;
  if (!entry) return failed<MethodReply>(Code::unimplemented, name + " has no handler here");
  return run(std::move(entry), std::move(call), std::move(name));
}

Task<Result<std::vector<TopicSubscription>>> Dispatcher::list_topics() {
  return ready(Result<std::vector<TopicSubscription>>(registry.topics()));
}

Task<Result<Verdict>> Dispatcher::on_topic(TopicEvent event) {
  const auto* route = registry.route(event);
  if (route == nullptr) {
    return failed<Verdict>(
        Code::not_found,
        topic_name(event.pubsub, event.topic) + " has no handler here for " + event.path
    );
  }
  if (route->single) return message(route->single, std::move(event));
  return lone(route->bulk, std::move(event));
}

// The judgement of a handler that has its turns.
Task<Result<Verdict>> Dispatcher::judge(TopicEntry entry, TopicEvent event) {
  const auto name = topic_name(event.pubsub, event.topic);
  const auto id = event.id;
  auto answer = co_await call(entry, std::move(event));
  if (answer.unreadable != 0) {
    log(name + ": message " + id + " is dropped: " + answer.result.error().message);
    co_return Verdict::drop;
  }
  if (!answer.result) co_return as_failure(std::move(answer.result).error());
  co_return *answer.result;
}

Task<Result<Verdict>> Dispatcher::message(TopicEntry entry, TopicEvent event) {
  const auto self = shared_from_this();
  const TaskContext* outer = co_await current_context();
  const TaskContext context = context_for(outer, event, executor_);
  co_await detail::SetContext{&context};
  auto turns = co_await enter(entry, false);
  if (!turns) co_return Verdict::retry;
  co_return co_await judge(std::move(entry), std::move(event));
}

Task<Result<Turns>> Dispatcher::enter_patiently(TopicEntry entry) {
  return enter(std::move(entry), true);
}

Task<Verdict> Dispatcher::run_message(TopicEntry entry, TopicEvent event, Turns turns) {
  const auto self = shared_from_this();
  const TaskContext* outer = co_await current_context();
  const TaskContext context = context_for(outer, event, executor_);
  co_await detail::SetContext{&context};
  const auto name = topic_name(event.pubsub, event.topic);
  const auto id = event.id;
  auto verdict = co_await judge(std::move(entry), std::move(event));
  turns = {};
  if (verdict) co_return *verdict;
  log(name + ": message " + id + " is to be retried: " + verdict.error().to_string());
  co_return Verdict::retry;
}

Task<Result<std::vector<EntryVerdict>>> Dispatcher::on_topic_bulk(BulkTopicEvent batch) {
  const auto* route = registry.route(batch);
  if (route == nullptr) {
    return failed<std::vector<EntryVerdict>>(
        Code::not_found,
        topic_name(batch.pubsub, batch.topic) + " has no handler here for " + batch.path
    );
  }
  if (route->bulk) return at_once(route->bulk, std::move(batch));
  return one_by_one(route->single, std::move(batch));
}

// A batch for a handler of single messages.
Task<Result<std::vector<EntryVerdict>>> Dispatcher::one_by_one(
    TopicEntry entry, BulkTopicEvent batch
) {
  const auto self = shared_from_this();
  std::vector<EntryVerdict> to;
  for (auto& [id, event] : batch.entries) {
    auto verdict = co_await message(entry, std::move(event));
    to.push_back({std::move(id), verdict ? *verdict : Verdict::retry});
  }
  co_return to;
}

Task<Result<std::vector<EntryVerdict>>> Dispatcher::at_once(
    BulkEntryPoint entry, BulkTopicEvent batch
) {
  const auto self = shared_from_this();
  const TaskContext* outer = co_await current_context();
  const TaskContext context = context_for(outer, batch, executor_);
  co_await detail::SetContext{&context};
  std::vector<EntryVerdict> to;
  for (const auto& message : batch.entries) to.push_back({message.entry_id, Verdict::retry});
  const auto name = topic_name(batch.pubsub, batch.topic);
  auto turns = co_await enter(entry, false);
  if (!turns) co_return to;
  auto answer = co_await call(entry, std::move(batch));
  if (answer.unreadable != 0)
    log(name + ": " + std::to_string(answer.unreadable) + " messages of a batch are dropped");
  if (!answer.result) co_return as_failure(std::move(answer.result).error());
  for (std::size_t i = 0; i < to.size(); ++i) to[i].verdict = (*answer.result)[i];
  co_return to;
}

// A message for a handler of batches.
Task<Result<Verdict>> Dispatcher::lone(BulkEntryPoint entry, TopicEvent event) {
  BulkTopicEvent batch{event.id, event.pubsub, event.topic, event.path, {}, event.metadata};
  batch.entries.push_back({"0", std::move(event)});
  auto verdicts = co_await at_once(std::move(entry), std::move(batch));
  if (!verdicts) co_return std::move(verdicts).error();
  co_return verdicts->front().verdict;
}

Task<Result<std::vector<std::string>>> Dispatcher::list_bindings() {
  return ready(Result<std::vector<std::string>>(registry.bindings()));
}

Task<Result<BindingReply>> Dispatcher::on_binding(BindingEvent event) {
  auto entry = registry.binding(event.binding);
  auto name = "binding " + event.binding;
  if (!entry) return failed<BindingReply>(Code::not_found, name + " has no handler here");
  return run(std::move(entry), std::move(event), std::move(name));
}

Task<Result<void>> Dispatcher::on_job(JobEvent job) {
  auto entry = registry.job(job.name);
  auto name = "job " + job.name;
  // Not `not_found`, which the scheduler takes for done.
  if (!entry) return failed<void>(Code::failed_precondition, name + " has no handler here");
  return run_job(std::move(entry), std::move(job), std::move(name));
}

// A handler that did not find something, or could not do it, has not done its job.
Task<Result<void>> Dispatcher::run_job(JobEntry entry, JobEvent job, std::string name) {
  auto done = co_await run(std::move(entry), std::move(job), std::move(name));
  if (done) co_return done;
  auto error = as_failure(std::move(done).error());
  if (error.code == Code::not_found) error.code = Code::internal;
  co_return error;
}

// Outside of the limits, and on a thread of its own: an application that is busy is well.
Task<Result<void>> Dispatcher::health() {
  if (closed()) return failed<void>(Code::unavailable, "the application is stopping");
  if (!registry.health()) return ready(Result<void>());
  return check_health();
}

Task<Result<void>> Dispatcher::check_health() {
  const auto self = shared_from_this();
  const TaskContext* outer = co_await current_context();
  TaskContext context = outer == nullptr ? TaskContext() : *outer;
  context.executor = executor_;
  co_await detail::SetContext{&context};
  const auto& entry = registry.health();
  auto turn = co_await entry->limiter->enter();
  if (!turn) co_return std::move(turn).error();
  auto answer = co_await call(entry, detail::HealthCheck{}, &nurse_);
  co_return std::move(answer.result);
}

}  // namespace mecha::wire
