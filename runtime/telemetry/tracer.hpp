// Tracer: makes spans, decides which are sampled, and hands finished ones to the exporters
// (contract 06, 7.4).
//
// Threads: start() and everything on a Span from any shard; stop() from shard 0, before a tracer
// with exporters goes (its work sits behind a gate). Finished spans wait in a bounded queue and go
// out in batches; what does not fit is dropped and counted, never waited for.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/async/shards.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/trace.hpp"

namespace mecha::trace {

// off: samplingRate 0, nothing is read, sent or checked. pass_through: no spans; what came in goes
// on unchanged, and where nothing came the context is all zeros (its traceparent is still sent).
// spans: each operation has its own.
enum class Mode : std::uint8_t { off, pass_through, spans };
enum class Kind : std::uint8_t { server, client, producer };

struct Finished {
  Context context;
  std::array<std::uint8_t, 8> parent{};  // all zero: a root
  std::string name;
  Kind kind = Kind::client;
  std::chrono::system_clock::time_point begun, ended;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string remote;  // name of the other side; empty: none
  bool failed = false;
  std::string failure;
};

class Tracer;

// One operation under way. Ends when destroyed or by end(); all but context() does nothing unless
// it is recorded.
class Span {
 public:
  Span() = default;
  Span(Span&&) noexcept = default;
  Span& operator=(Span&& other) noexcept;
  ~Span() { end(); }

  const Context& context() const { return context_; }
  // Sampled: worth the cost of building names and attributes.
  bool recorded() const { return data_ != nullptr; }
  void rename(std::string name);
  void set(std::string_view name, std::string value);
  void remote(std::string name);
  void fail(std::string description);
  void end();

 private:
  friend class Tracer;
  Context context_;
  Tracer* tracer_ = nullptr;
  std::unique_ptr<Finished> data_;
};

// Where finished spans go. send() is called on shard 0, one batch at a time.
class Exporter {
 public:
  virtual ~Exporter() = default;
  virtual Async<void> send(std::shared_ptr<const std::vector<Finished>> batch) = 0;
};

struct TracerOptions {
  std::string app_id;
  std::string sampling_rate;  // as written; empty: not stated
  bool standard_out = false;
  std::string zipkin_endpoint;
  struct {
    std::string protocol, endpoint;  // "http..." or else grpc; host:port[/path]
    bool secure = true;
    std::vector<std::string> headers;  // "k=v"
    std::chrono::nanoseconds timeout{};
  } otel;
  // Attributes of the resource besides service.name (OTEL_RESOURCE_ATTRIBUTES).
  std::string service_name;  // empty: app_id
  std::vector<std::pair<std::string, std::string>> resource;
  std::size_t queue_max = 2048, batch_max = 512;
  std::chrono::milliseconds interval{5000};
};

// Fills `otel`, sampling rate and resource from OTEL_* (contract 06, 7.4); only if no otel endpoint
// is configured. `variable` gives the value of an environment variable, empty if it is not set.
void apply_otel_environment(
    TracerOptions& options, const std::function<std::string(std::string_view)>& variable
);

class Tracer {
 public:
  Tracer(
      TracerOptions options,
      Log log,
      Shards& shards,
      std::vector<std::unique_ptr<Exporter>> exporters
  );
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  Mode mode() const { return mode_; }
  // A span below `parent`. In mode pass_through its context is the parent's, or all zeros; in mode
  // off all zeros.
  Span start(std::string_view name, Kind kind, const std::optional<Context>& parent);
  // Sends what waits, within `limit`; later spans are dropped. On shard 0, once.
  asio::awaitable<void> stop(std::chrono::steady_clock::duration limit);
  std::uint64_t dropped() const;

 private:
  friend class Span;
  struct Queue;
  void finish(Finished span);
  bool sample(const Context& context, const std::optional<Context>& parent) const;

  Mode mode_ = Mode::pass_through;
  std::uint64_t threshold_ = 0;  // trace ids below it are sampled; all ones: every one
  std::shared_ptr<Queue> queue_;
};

// With the exporters that the options name (library telemetry_export). What cannot be had is said
// in the log and left out.
std::unique_ptr<Tracer> make_tracer(TracerOptions options, Log log, Shards& shards);

// The share of traces that are sampled: as written, 0.0001 if it cannot be read.
double sampling_share(std::string_view rate);

}  // namespace mecha::trace
