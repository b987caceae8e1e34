#include "runtime/app/app_channel.hpp"

#include <atomic>
#include <utility>

#include <boost/asio/dispatch.hpp>

#include "runtime/app/application.hpp"
#include "runtime/app/piped_call.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/on_shard.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/url.hpp"
#include "runtime/telemetry/path_labels.hpp"

namespace mecha {
namespace {

// The concurrency limit of one channel. The semaphore lives on shard 0; other shards visit it.
class Limiter {
 public:
  Limiter(Shards& shards, int count)
      : home_(shards.executor(0)), semaphore_(home_, static_cast<std::size_t>(count)) {}

  asio::awaitable<bool> acquire() {
    if (Shards::current() == 0) return semaphore_.acquire();
    return on_shard(home_, semaphore_.acquire());
  }
  void release() {
    asio::dispatch(home_, [this] { semaphore_.release(); });
  }

 private:
  Executor home_;
  Semaphore semaphore_;
};

// A slot of the limit, or nothing where there is no limit.
class Slot {
 public:
  explicit Slot(Limiter* limiter = nullptr) : limiter_(limiter) {}
  Slot(Slot&& other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)) {}
  Slot& operator=(Slot&&) = delete;
  ~Slot() {
    if (limiter_ != nullptr) limiter_->release();
  }

 private:
  Limiter* limiter_;
};

// Counts a call into an HTTP application once, when it ends (contract 06, 7.2: http_client_*): one that was given up, or whose
// answer never came, has the status 500. The scope outlives it until then; the time begins here.
class AppCallCount {
 public:
  AppCallCount(const RequestScope& scope, std::string method, std::string target)
      : scope_(scope), method_(std::move(method)), target_(std::move(target)), begun_(RequestScope::Clock::now()) {}
  ~AppCallCount() { answered(500, 0); }
  AppCallCount(const AppCallCount&) = delete;
  AppCallCount& operator=(const AppCallCount&) = delete;

  void sends(std::uint64_t bytes) { sent_ = bytes; }
  Error explained(Error why, const std::string& base) const { return net::url_error(std::move(why), method_, base + target_); }
  void answered(unsigned status, std::uint64_t received) {
    if (std::exchange(done_, true) || scope_.app.metrics == nullptr) return;
    auto& metrics = *scope_.app.metrics;
    const auto& labels = *scope_.app.path_labels;
    std::string room;
    const std::string_view target = target_;
    const auto path = labels.client(target.substr(0, target.find('?')), room);
    const auto verb = labels.verb(method_);
    const auto text = std::to_string(status);
    metrics.count(Metric::http_client_completed_count, {verb, path, text});
    metrics.observe(Metric::http_client_roundtrip_latency, {verb, path, text}, milliseconds_since(begun_));
    metrics.observe(Metric::http_client_sent_bytes, {verb, path, ""}, static_cast<double>(sent_));
    metrics.observe(Metric::http_client_received_bytes, {}, static_cast<double>(received));
  }

 private:
  const RequestScope& scope_;
  const std::string method_, target_;
  const RequestScope::Clock::time_point begun_;
  std::uint64_t sent_ = 0;
  bool done_ = false;
};

class StreamedCall final : public AppCall {
 public:
  // `base` outlives it.
  StreamedCall(Slot slot, const RequestScope& scope, const net::RequestHead& head, const std::string& base)
      : slot_(std::move(slot)), count_(scope, head.method, head.target), base_(base) {}
  void begin(std::unique_ptr<net::ClientCall> call, std::uint64_t sent) {
    call_ = std::move(call);
    count_.sends(sent);
  }
  net::ClientCall& call() override { return *call_; }
  void answered(unsigned status, std::uint64_t received) override { count_.answered(status, received); }
  Error explained(Error why) const override { return count_.explained(std::move(why), base_); }

 private:
  Slot slot_;
  AppCallCount count_;
  const std::string& base_;
  std::unique_ptr<net::ClientCall> call_;  // goes before the slot
};

net::ClientOptions client_options(const AppChannelOptions& options) {
  net::ClientOptions client;
  client.http2 = options.protocol == AppProtocol::h2c || options.protocol == AppProtocol::grpc ||
                 options.protocol == AppProtocol::grpcs;
  client.response_header_bytes_max = options.response_header_bytes_max;
  client.connections_max = 1024;
  client.idle_max = 64;
  client.connect_timeout = std::chrono::seconds(20);
  if (options.protocol == AppProtocol::https || options.protocol == AppProtocol::grpcs) {
    net::TlsClientOptions tls;
    tls.verify = false;
    tls.alpn = {client.http2 ? "h2" : "http/1.1"};
    if (auto made = net::make_tls(tls)) client.tls = *made;
  }
  return client;
}

// Counts a call of a gRPC application when it ends (contract 06, 7.2: grpc_io_client_*), also one that is given up.
class GrpcCallCount {
 public:
  // `method` outlives it.
  GrpcCallCount(const RequestScope& scope, std::string_view method, std::size_t sent)
      : scope_(scope), method_(method), sent_(sent), begun_(RequestScope::Clock::now()) {}
  ~GrpcCallCount() { ended(Code::cancelled, 0); }
  GrpcCallCount(const GrpcCallCount&) = delete;
  GrpcCallCount& operator=(const GrpcCallCount&) = delete;

  void ended(Code code, std::size_t received) {
    if (std::exchange(done_, true) || scope_.app.metrics == nullptr) return;
    auto& metrics = *scope_.app.metrics;
    const auto status = code_name(code);
    metrics.count(Metric::grpc_io_client_completed_rpcs, {method_, status});
    metrics.observe(Metric::grpc_io_client_roundtrip_latency, {method_, status}, milliseconds_since(begun_));
    metrics.observe(Metric::grpc_io_client_sent_bytes_per_rpc, {method_}, static_cast<double>(sent_));
    metrics.observe(Metric::grpc_io_client_received_bytes_per_rpc, {method_}, static_cast<double>(received));
  }

 private:
  const RequestScope& scope_;
  const std::string_view method_;
  const std::size_t sent_;
  const RequestScope::Clock::time_point begun_;
  bool done_ = false;
};

class Channel final : public AppChannel {
 public:
  Channel(Shards& shards, AppChannelOptions options)
      : options_(std::move(options)),
        client_(shards, {.host = options_.address, .port = options_.port}, client_options(options_)) {
    if (options_.concurrency_max > 0) {
      limiter_ = std::make_unique<Limiter>(shards, options_.concurrency_max);
    }
    authority_ = options_.address + ":" + std::to_string(options_.port);
    base_ = (options_.protocol == AppProtocol::https ? "https://" : "http://") + authority_;
  }

  AppProtocol protocol() const override { return options_.protocol; }
  const AppChannelOptions& options() const override { return options_; }
  net::Client& client() override { return client_; }
  void set_healthy(bool healthy) override { healthy_ = healthy; }
  bool healthy() const override { return healthy_; }

  Async<AppAnswer> request(
      RequestScope& scope, AppRequest request, std::optional<std::chrono::nanoseconds> limit
  ) override {
    if (!limit) return whole(scope, std::move(request));
    return within(std::chrono::duration_cast<std::chrono::milliseconds>(*limit), whole(scope, std::move(request)));
  }

  Async<std::unique_ptr<AppCall>> open(RequestScope& scope, net::RequestHead head, std::uint64_t sent) override {
    if (!healthy_) co_return unhealthy();
    auto slot = limiter_ ? co_await enter(scope) : Result<Slot>();  // most have no limit, and need no coroutine to learn it
    if (!slot) co_return fail(std::move(slot).error());
    prepare(scope, head);
    auto opened = std::make_unique<StreamedCall>(*std::move(slot), scope, head, base_);
    auto call = co_await dial(scope, std::move(head));
    if (!call) co_return fail(opened->explained(std::move(call).error()));
    opened->begin(*std::move(call), sent);
    co_return std::move(opened);
  }

  Async<net::grpc::Unary> call(
      RequestScope& scope,
      std::string method,
      net::Headers metadata,
      std::string message,
      bool limited,
      bool with_token,
      std::optional<std::chrono::nanoseconds> limit
  ) override {
    if (limited && !healthy_) co_return unhealthy();
    if (!limited) {
      co_return co_await unary(
          scope, std::move(method), std::move(metadata), std::move(message), with_token, limit
      );
    }
    MECHA_CO_TRY(Slot slot, co_await enter(scope));
    co_return co_await unary(
        scope, std::move(method), std::move(metadata), std::move(message), with_token, limit
    );
  }

 private:
  static std::unexpected<Error> unhealthy() {
    return fail(Code::internal, std::string(kUnhealthy));
  }

  Async<Slot> enter(RequestScope& scope) {
    if (!limiter_) co_return Slot();
    const MarkTimer timer(scope, Mark::queue);
    if (!co_await limiter_->acquire()) co_return fail(Code::cancelled, "context canceled");
    co_return Slot(limiter_.get());
  }

  void prepare(RequestScope& scope, net::RequestHead& head) const {
    head.authority = authority_;
    if (!options_.app_token.empty()) head.headers.set("dapr-api-token", options_.app_token);
    if (scope.span.valid()) {
      head.headers.set("traceparent", scope.span.traceparent());
      if (!scope.span.state.empty()) head.headers.set("tracestate", scope.span.state);
    }
  }

  Async<std::unique_ptr<net::ClientCall>> dial(RequestScope& scope, net::RequestHead head) {
    const auto* pipeline = scope.snapshot->app_http_pipeline.get();
    if (pipeline == nullptr) return client_.open(std::move(head));
    return open_piped(*pipeline, client_, std::move(head));
  }

  Async<AppAnswer> whole(RequestScope& scope, AppRequest request) {
    if (!healthy_) co_return unhealthy();
    MECHA_CO_TRY(Slot slot, co_await enter(scope));
    const MarkTimer timer(scope, Mark::app);
    AppCallCount count(scope, request.method, request.target);
    count.sends(request.body.size());
    net::RequestHead head;
    head.method = request.method;
    head.target = request.target;
    head.headers = std::move(request.headers);
    head.content_length = request.body.size();
    head.has_body = !request.body.empty();
    prepare(scope, head);
    auto dialled = co_await dial(scope, std::move(head));
    if (!dialled) co_return fail(count.explained(std::move(dialled).error(), base_));
    const auto call = *std::move(dialled);
    if (!request.body.empty()) {
      // An application may answer before it has read all: what it says counts, not that it stopped reading.
      const auto written = co_await call->write(request.body);
      if (written) (void)co_await call->finish_writing();
    }
    const auto headed = co_await call->head();
    if (!headed) co_return fail(count.explained(headed.error(), base_));
    auto* answer = *headed;
    MECHA_CO_TRY(auto body, co_await net::read_all(*call, options_.message_max));
    count.answered(answer->status, body.size());
    co_return AppAnswer{answer->status, std::move(answer->headers), std::move(body)};
  }

  Async<net::grpc::Unary> unary(
      RequestScope& scope,
      std::string method,
      net::Headers metadata,
      std::string message,
      bool with_token,
      std::optional<std::chrono::nanoseconds> limit
  ) {
    const MarkTimer timer(scope, Mark::app);
    if (with_token && !options_.app_token.empty()) metadata.set("dapr-api-token", options_.app_token);
    if (scope.span.valid()) {
      if (!metadata.has("traceparent")) metadata.add("traceparent", scope.span.traceparent());
      metadata.set("grpc-trace-bin", net::grpc::encode_bin(scope.span.binary()));
      if (!scope.span.state.empty()) metadata.set("tracestate", scope.span.state);
    }
    const auto time = limit ? std::chrono::ceil<std::chrono::milliseconds>(*limit) : std::chrono::milliseconds(0);
    GrpcCallCount count(scope, method, message.size());
    auto called = co_await net::grpc::unary(
        client_, method, std::move(metadata), std::move(message), time, options_.message_max, limit.has_value()
    );
    if (!called) count.ended(called.error().code, 0);
    else count.ended(called->status.code, called->status.ok() ? called->message.size() : 0);
    co_return called;
  }

  AppChannelOptions options_;
  net::Client client_;
  std::unique_ptr<Limiter> limiter_;
  std::string authority_, base_;
  std::atomic<bool> healthy_ = true;
};

}  // namespace

std::unique_ptr<AppChannel> make_app_channel(Shards& shards, AppChannelOptions options) {
  return std::make_unique<Channel>(shards, std::move(options));
}

}  // namespace mecha
