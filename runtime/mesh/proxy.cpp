#include "runtime/mesh/proxy.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "runtime/app/application.hpp"
#include "runtime/app/method.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/mesh/proxy_stream.hpp"
#include "runtime/resilience/run.hpp"
#include "runtime/security/access_control.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::mesh {
namespace {

using namespace std::chrono_literals;
using net::grpc::ServerCall;

constexpr std::string_view kCallee = "dapr-callee-app-id";
constexpr std::string_view kAppId = "dapr-app-id";

// What an HTTP/1.1 application makes of a gRPC connection, in the reference's words; it is spared the connection here.
constexpr std::string_view kNoHttp2 =
    "connection error: desc = \"error reading server preface: http2: failed reading the frame payload: http2: frame too large, note that "
    "the frame header looked like an HTTP/1.1 header\"";

bool may_repeat(const Error& error) { return error.code == Code::unavailable || error.code == Code::unauthenticated; }

Error without_target(const RequestScope& scope, std::string_view method) {
  const bool ours = method.starts_with("/dapr.proto.runtime.") || method.starts_with("/dapr.proto.internals.");
  const bool traced = scope.face == Face::grpc && scope.app.tracer->mode() != trace::Mode::off && !ours;
  return {
      .code = Code::unknown,
      .message = traced ? "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"
                        : "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found"};
}

// What only this way may not carry on: names of the protocol that are set anew, and those that a sidecar sets.
bool stays_behind(std::string_view name) {
  return name == "te" || name == "content-type" || name == "grpc-timeout" || name == kAppId || name == "traceparent" ||
         name == "grpc-trace-bin";
}

Error as_status(Error error) {
  if (error.failure == Failure::timeout) return {.code = Code::deadline_exceeded, .message = error.message};
  return net::grpc::transport_error(std::move(error));
}

}  // namespace

struct Proxy::Target {
  std::string id, name_space;
  std::string named;    // dapr-app-id as given: policies are looked up by it alone
  bool own = false;
  bool stream = false;  // the caller says so
  std::string address;
  std::shared_ptr<net::Client> peer;
};

Result<Proxy::Target> Proxy::find(const RequestScope& scope, const ServerCall& call) const {
  const auto& metadata = call.metadata();
  Target target;
  target.named = metadata.value_or(kAppId);
  const std::string whole{metadata.has(kCallee) ? metadata.value_or(kCallee) : target.named};
  if (!metadata.has(kCallee) && !metadata.has(kAppId)) return fail(without_target(scope, call.method()));
  if (whole.empty()) return fail(Code::unknown, "app id is empty");
  const auto parts = text::split(whole, '.');
  if (parts.size() > 2) return fail(Code::unknown, "invalid app id " + whole);
  target.id = std::string(parts[0]);
  target.name_space = parts.size() == 2 ? std::string(parts[1]) : application_.info.identity_name_space;
  target.own = target.id == application_.info.id;
  target.stream = text::truthy(metadata.value_or("dapr-stream"));
  return target;
}

Async<void> Proxy::resolve(Target& target) {
  if (resolver_ == nullptr) co_return fail(Code::unknown, "name resolver not initialized");
  for (int tries = 0; target.address.empty() && tries <= 5; ++tries) {
    if (tries > 0 && !co_await sleep_for(100ms)) break;
    auto address = co_await resolver_->resolve({target.id, target.name_space});
    if (!address) co_return fail(Code::unknown, address.error().message);
    target.address = *std::move(address);
  }
  if (target.address.empty()) co_return fail(Code::unknown, "no host found with the given ID");
  co_return Result<void>{};
}

net::RequestHead Proxy::head_for(const RequestScope& scope, const Target& target, const net::RequestHead& from) const {
  net::RequestHead head{.method = "POST", .target = from.target, .has_body = true, .version = net::Version::http2};
  const auto& channel = application_.channel;
  head.authority = target.own ? channel->options().address + ":" + std::to_string(channel->options().port) : from.authority;
  const auto given = from.headers.value_or("content-type");
  const auto type = given.substr(0, given.find(';'));
  head.headers.add("content-type", type == net::grpc::kType ? std::string_view("application/grpc+proto") : type);
  head.headers.add("te", "trailers");
  if (scope.deadline) {
    const auto left = *scope.deadline - RequestScope::Clock::now();
    head.headers.add("grpc-timeout", net::grpc::format_timeout(std::max<std::chrono::nanoseconds>(left, 1ms)));
  }
  const auto& token = application_.connection.app_token;
  for (const auto& field : from.headers) {
    if (stays_behind(field.name) || (target.own && field.name == "dapr-api-token")) continue;
    if (field.name == "grpc-encoding" && field.value == "gzip") continue;  // messages go on unpacked
    head.headers.add(field.name, field.value);
  }
  if (scope.span.valid()) {
    head.headers.add("traceparent", scope.span.traceparent());
    head.headers.add("grpc-trace-bin", net::grpc::encode_bin(scope.span.binary()));
  } else if (scope.app.tracer->mode() == trace::Mode::off) {
    for (const auto name : {"traceparent", "grpc-trace-bin"}) {
      if (const auto value = from.headers.get(name)) head.headers.add(name, *value);
    }
  }
  if (target.own) {
    if (!token.empty()) head.headers.add("dapr-api-token", token);
  } else {
    head.headers.add("dapr-caller-app-id", application_.info.id);
    if (!head.headers.has(kCallee)) head.headers.add(kCallee, target.id);
  }
  return head;
}

Async<std::unique_ptr<net::ClientCall>> Proxy::open(RequestScope& scope, Target& target, const net::RequestHead& from) {
  if (target.own) {
    if (application_.channel == nullptr) co_return fail(Code::unavailable, "app channel is not initialized");
    if (!application_.channel->is_http2()) co_return fail(Code::unavailable, std::string(kNoHttp2));
    co_return co_await application_.channel->client().open(head_for(scope, target, from));
  }
  for (bool again = false;; again = true) {
    target.peer = peers_.client(target.address);
    auto call = co_await target.peer->open(head_for(scope, target, from));
    if (call || again || !may_repeat(call.error())) co_return std::move(call);
    peers_.drop(target.address);
    resolver_->forget(target.address);
  }
}

namespace {

// Counts one attempt of a call of this sidecar's API, and how it ends. What comes from another sidecar was counted there. A call that
// does not name its target by dapr-app-id counts for none.
class Attempt {
 public:
  Attempt(const RequestScope& scope, std::string target, bool stream)
      : metrics_(scope.face == Face::grpc && !target.empty() ? scope.app.metrics.get() : nullptr),
        target_(std::move(target)),
        type_(stream ? "streaming" : "unary") {
    if (metrics_ != nullptr) metrics_->count(Metric::runtime_service_invocation_req_sent_total, {target_, type_});
  }

  void ended(Code code) const {
    if (metrics_ == nullptr) return;
    const auto status = std::to_string(static_cast<int>(code));
    metrics_->count(Metric::runtime_service_invocation_res_recv_total, {target_, status, type_});
    if (type_ == "streaming") return;
    metrics_->observe(
        Metric::runtime_service_invocation_res_recv_latency_ms, {target_, status}, milliseconds_since(begun_)
    );
  }

 private:
  Metrics* metrics_;
  std::string target_;
  std::string_view type_;
  RequestScope::Clock::time_point begun_ = RequestScope::Clock::now();
};

}  // namespace

// Both directions at once, one attempt.
Async<void> Proxy::pass(RequestScope& scope, Target& target, ServerCall& call, net::Exchange& exchange) {
  const Attempt count(scope, target.named, target.stream);
  const auto opened = co_await open(scope, target, exchange.request());
  if (!opened) {
    count.ended(opened.error().code);
    co_return fail(opened.error());
  }
  ProxyStream stream(call, exchange, **opened, message_max_);
  auto done = co_await stream.run();
  // How a stream ends is not counted.
  if (!target.stream) count.ended(done ? call.status() : done.error().code);
  co_return done;
}

namespace {

// The one message that attempts may repeat, and whether the client has sent its last.
struct Kept {
  std::string message;
  bool has_message = false;
  bool complete = false;
  bool second = false;
  net::Headers last;  // how the last attempt failed, in the target's words
};

// Learns, beside an attempt, whether more comes. Ends by itself only when a second message makes the call impossible.
asio::awaitable<void> watch_client(ServerCall& call, net::ClientCall& target, Kept& kept) {
  if (!kept.complete) {
    const auto next = co_await call.read();
    if (next && *next) {
      kept.second = true;
      target.cancel();
      co_return;
    }
    if (next) {
      kept.complete = true;
      (void)co_await target.finish_writing();
    }
  }
  co_await until_cancelled();
}

Async<void> attempt(ServerCall& call, net::Exchange& exchange, net::ClientCall& target, Kept& kept, std::size_t message_max) {
  using namespace asio::experimental::awaitable_operators;
  ProxyStream stream(call, exchange, target, message_max);
  if (kept.has_message) (void)co_await target.write(net::grpc::frame(kept.message));
  if (kept.complete) (void)co_await target.finish_writing();
  auto ended = co_await (stream.answer(true) || watch_client(call, target, kept));
  if (kept.second) {
    co_return fail(
        Error{.code = Code::failed_precondition,
              .message = "cannot use resiliency policies with retries on streaming RPCs",
              .failure = Failure::circuit_open}
    );
  }
  if (ended.index() != 0) co_return fail(Code::cancelled, "context canceled");
  kept.last = stream.held();
  auto answered = std::get<0>(std::move(ended));
  // What has begun to go to the client is not tried again.
  if (!answered && exchange.started()) answered.error().failure = Failure::circuit_open;
  co_return answered;
}

}  // namespace

// Under a policy that may try again: the client may send one message.
Async<void> Proxy::pass_again(
    RequestScope& scope, Target& target, resilience::Policy policy, ServerCall& call, net::Exchange& exchange
) {
  Kept kept;
  MECHA_CO_TRY(auto first, co_await call.read());
  kept.has_message = first.has_value();
  kept.complete = !first.has_value();
  if (first) kept.message = *std::move(first);
  const auto work = [&](int) -> Async<void> {
    const Attempt count(scope, target.named, false);
    const auto opened = co_await open(scope, target, exchange.request());
    if (!opened) {
      count.ended(opened.error().code);
      co_return fail(opened.error());
    }
    auto answered = co_await attempt(call, exchange, **opened, kept, message_max_);
    count.ended(answered ? call.status() : answered.error().code);
    co_return answered;
  };
  auto done = co_await resilience::run<void>(scope, std::move(policy), work);
  if (done || kept.last.empty() || done.error().outcome < 0 || exchange.started()) co_return done;
  net::ResponseHead head{.status = 200, .headers = call.answered(std::move(kept.last))};
  head.headers.set("content-type", call.type());
  co_return co_await exchange.respond(std::move(head), {});
}

asio::awaitable<void> Proxy::serve(RequestScope& scope, ServerCall& call, net::Exchange& exchange) {
  auto found = find(scope, call);
  Result<void> done;
  if (!found) {
    done = fail(std::move(found).error());
  } else if (found->own) {
    done = check_method(exchange.request().target);
    if (done && scope.snapshot->access != nullptr) {
      done = scope.snapshot->access->check(exchange.peer().identity, "/" + clean_method(call.method()), "NONE", false);
    }
  } else {
    done = co_await resolve(*found);
  }
  if (done) {
    scope.target = found->id;
    const bool governed = !found->own && !found->named.empty() && !found->stream;
    const auto policy = governed ? scope.snapshot->resiliency->app_policy(found->named, found->id + ":" + exchange.request().target)
                                 : resilience::Policy{};
    if (policy.retry) {
      done = co_await pass_again(scope, *found, policy, call, exchange);
    } else if (!policy.empty()) {
      done = co_await resilience::run<void>(scope, policy, [&](int) { return pass(scope, *found, call, exchange); });
    } else {
      done = co_await pass(scope, *found, call, exchange);
    }
  }
  if (call.finished()) co_return;
  if (done) co_return exchange.abort();
  const auto error = as_status(std::move(done).error());
  if (!exchange.started()) co_return (void)co_await call.finish({.code = error.code, .message = error.message});
  auto trailers = call.answered(net::grpc::status_trailers({.code = error.code, .message = error.message}));
  (void)co_await exchange.finish(std::move(trailers));
}

}  // namespace mecha::mesh
