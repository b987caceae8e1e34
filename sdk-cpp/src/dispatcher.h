// From what the sidecar asks to the handler that answers: finds it, waits for its turn, runs it
// where it belongs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "src/pool.h"
#include "src/registry.h"

namespace mecha::wire {

/// The turns that a request needs: of its handler first, then of the service.
struct Turns {
  Turn handler, service;
};

/// Threads: any. Every task keeps this alive.
class Dispatcher final : public CallbackApi, public std::enable_shared_from_this<Dispatcher> {
 public:
  Dispatcher(const ServiceOptions& options, std::function<void(std::string_view)> log);

  /// Filled before the first request.
  Registry registry;

  Task<Result<MethodReply>> on_invoke(MethodCall call) override;
  Task<Result<std::vector<TopicSubscription>>> list_topics() override;
  Task<Result<Verdict>> on_topic(TopicEvent event) override;
  Task<Result<std::vector<EntryVerdict>>> on_topic_bulk(BulkTopicEvent batch) override;
  Task<Result<std::vector<std::string>>> list_bindings() override;
  Task<Result<BindingReply>> on_binding(BindingEvent event) override;
  Task<Result<void>> on_job(JobEvent job) override;
  Task<Result<void>> health() override;

  /// Waits without a bound to the queue, as the one reader of a stream may.
  Task<Result<Turns>> enter_patiently(TopicEntry entry);
  /// Runs a handler of messages and gives back the turns.
  Task<Verdict> run_message(TopicEntry entry, TopicEvent event, Turns turns);

  Executor& executor() noexcept { return *executor_; }
  void log(const std::string& line) const;

  /// Refuses what is new and what waits.
  void close() noexcept;
  bool closed() const noexcept { return closed_.load(); }
  /// Waits until no handler and no thread of the service runs any more; false when some still do.
  bool wait_until(std::chrono::steady_clock::time_point limit) noexcept;

 private:
  Pool coroutines_, workers_, nurse_;  // the last one for a health check that is a plain function
  Executor* executor_;
  std::shared_ptr<Limiter> limiter_;
  std::function<void(std::string_view)> log_;
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_ = 0;  // handlers, whoever asks

  class Running;

  template <class In, class Out>
  Task<Result<Out>> run(EntryPtr<In, Out> entry, In in, std::string name);
  template <class In, class Out>
  Task<detail::Answer<Out>> call(EntryPtr<In, Out> entry, In in, Pool* workers = nullptr);
  template <class In, class Out>
  Task<Result<Turns>> enter(EntryPtr<In, Out> entry, bool patient);
  Task<Result<Verdict>> message(TopicEntry entry, TopicEvent event);
  Task<Result<Verdict>> judge(TopicEntry entry, TopicEvent event);
  Task<Result<Verdict>> lone(BulkEntryPoint entry, TopicEvent event);
  Task<Result<void>> check_health();
  Task<Result<void>> run_job(JobEntry entry, JobEvent job, std::string name);
  Task<Result<std::vector<EntryVerdict>>> one_by_one(TopicEntry entry, BulkTopicEvent batch);
  Task<Result<std::vector<EntryVerdict>>> at_once(BulkEntryPoint entry, BulkTopicEvent batch);
};

/// The trace that metadata names; null where there is none.
std::shared_ptr<const TraceContext> trace_of(const Metadata& metadata);

}  // namespace mecha::wire
