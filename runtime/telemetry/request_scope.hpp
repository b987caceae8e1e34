// RequestScope: opened once at the edge for one request, delivery or timer; closed once. Deadline,
// trace context, caller, snapshot, log fields and the marks of where time went are in it; logs,
// metrics, spans and `Server-Timing` come out of it.
//
// Lives on one shard; is passed by reference down the call and outlives all of it.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/trace.hpp"

namespace mecha {

class Application;
struct Snapshot;

// Through which door a request came; decides which code list resiliency `matching` reads, among
// others.
enum class Face : std::uint8_t { http, grpc, peer, internal };

// Where time goes. Marks do not overlap: what no mark covers is the runtime's own time.
enum class Mark : std::uint8_t { queue, codec, resilience, component, peer, app };
inline constexpr std::size_t kMarks = 6;

class RequestScope {
 public:
  using Clock = std::chrono::steady_clock;

  RequestScope(Application& application, std::shared_ptr<const Snapshot> snap, Face where)
      : app(application), snapshot(std::move(snap)), face(where), begun(Clock::now()) {}
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

  Application& app;
  std::shared_ptr<const Snapshot> snapshot;
  Face face;
  Clock::time_point begun;
  std::optional<Clock::time_point> deadline;

  // The span of this request; invalid when there is none. `parent`: what came in.
  trace::Context span;
  std::optional<trace::Context> parent;
  std::string baggage;  // as received, joined by ","
  std::string caller;   // app id of the calling sidecar's application; empty: our own
  std::string target;   // of an invocation, for the API log
  bool timing = false;  // the client asked for Server-Timing
  // How the request is ended when nobody waits for its answer any more. See CancelHook.
  std::function<void()> cancel;
  bool cancelled = false;  // nobody does: the client has gone away, or its deadline has passed
  void give_up() {
    cancelled = true;
    if (cancel) cancel();
  }

  void add(Mark mark, Clock::duration time) { marks_[static_cast<std::size_t>(mark)] += time; }
  Clock::duration spent(Mark mark) const { return marks_[static_cast<std::size_t>(mark)]; }
  // "queue;dur=0.012, component;dur=1.5, ..., total;dur=1.9" in milliseconds; `runtime` is the
  // rest.
  std::string server_timing() const;

  // The log with trace_id and span_id in every line, if there is a span.
  Log tagged(const Log& log) const;

 private:
  std::array<Clock::duration, kMarks> marks_{};
};

// Says, while it lives, how to end the request instead: where something has to be done to the end (an empty function), or to be
// ended in order. The hook around it has its say afterwards. On the scope's shard; hooks are nested.
class CancelHook {
 public:
  CancelHook(RequestScope& scope, std::function<void()> cancel)
      : scope_(scope), outer_(std::exchange(scope.cancel, std::move(cancel))) {}
  ~CancelHook() {
    scope_.cancel = std::move(outer_);
    if (scope_.cancelled && scope_.cancel) scope_.cancel();
  }
  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;

 private:
  RequestScope& scope_;
  std::function<void()> outer_;
};

// What the metrics of latency take.
inline double milliseconds_since(RequestScope::Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(RequestScope::Clock::now() - begun).count();
}

// Adds the time from its construction to its end to a mark.
class MarkTimer {
 public:
  MarkTimer(RequestScope& scope, Mark mark)
      : scope_(scope), mark_(mark), begun_(RequestScope::Clock::now()) {}
  ~MarkTimer() { scope_.add(mark_, RequestScope::Clock::now() - begun_); }
  MarkTimer(const MarkTimer&) = delete;
  MarkTimer& operator=(const MarkTimer&) = delete;

 private:
  RequestScope& scope_;
  Mark mark_;
  RequestScope::Clock::time_point begun_;
};

}  // namespace mecha
