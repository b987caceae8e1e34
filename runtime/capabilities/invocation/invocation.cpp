#include "runtime/capabilities/invocation/invocation.hpp"

#include "api/errors/common.hpp"
#include "runtime/app/application.hpp"
#include "runtime/app/method.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/begun_body.hpp"
#include "runtime/resilience/run.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

// What the built-in retry of a hop may keep of a body; a retry policy may keep as much as a body may be long.
constexpr std::size_t kHopReplayMax = 64 << 10;
constexpr std::size_t kPolicyReplayMax = 64 << 20;
// Failed answers are kept whole so that another attempt may replace them.
constexpr std::size_t kFailedBodyMax = 64 << 20;

enum class Kind : std::uint8_t { url, endpoint, own, peer };

bool is_url(std::string_view target) {
  return target.starts_with("http://") || target.starts_with("https://");
}

// As a header, for who gets the request in another form than HTTP.
void state_length(InvokeRequest& request) {
  const bool usual = request.verb == "POST" || request.verb == "PUT" || request.verb == "PATCH";
  if (request.length && (*request.length > 0 || usual)) {
    request.headers.set("Content-Length", std::to_string(*request.length));
  }
}

std::string answered(int status) { return "application answered " + std::to_string(status); }

bool may_repeat_hop(Code code) { return code == Code::unavailable || code == Code::unauthenticated; }

}  // namespace

struct Invocation::Call {
  std::string target;        // as the caller gave it
  std::string id, name_space;
  Kind kind = Kind::peer;
  const HttpEndpointSpec* endpoint = nullptr;
  InvokeRequest request;
  bool streaming = false;
  std::optional<ReplayBody> body;
  std::optional<InvokeAnswer> failed;  // the last answer outside 200-399
  std::string breaker_key;
};

Async<InvokeAnswer> Invocation::invoke(RequestScope& scope, std::string target, InvokeRequest request) {
  Call call{.target = std::move(target), .request = std::move(request)};
  scope.target = call.target;
  if (auto bad = check_method(call.request.method); !bad) {
    co_return fail(errors::direct_invoke(call.target, bad.error().as_rpc_text()));
  }
  call.request.rooted = call.request.method.starts_with('/');
  call.request.method = clean_method(call.request.method);
  auto invoked = co_await under_policies(scope, call);
  if (invoked) co_return std::move(invoked);
  const auto& error = invoked.error();
  // The last failed answer is what the caller gets, unless something else ended the attempts.
  if (call.failed && error.message == answered(call.failed->status)) co_return std::move(*call.failed);
  if (scope.face == Face::grpc && error.failure == Failure::timeout) {
    co_return fail(Code::deadline_exceeded, error.message);
  }
  if (scope.face == Face::grpc && error.message == "circuit breaker is open") co_return fail(Code::unknown, error.message);
  const bool denied = scope.face == Face::http && call.kind == Kind::peer && error.code == Code::permission_denied;
  co_return fail(errors::direct_invoke(call.target, error.message, denied ? 403 : 500));
}

Async<InvokeAnswer> Invocation::under_policies(RequestScope& scope, Call& call) {
  if (resolver_ == nullptr) co_return fail(Code::internal, "name resolver not initialized");
  if (is_url(call.target)) {
    call.kind = Kind::url;
    call.breaker_key = call.target + "/" + call.request.method;
  } else {
    const auto parts = text::split(call.target, '.');
    if (call.target.empty()) co_return fail(Code::invalid_argument, "app id is empty");
    if (parts.size() > 2) co_return fail(Code::invalid_argument, "invalid app id " + call.target);
    call.id = std::string(parts[0]);
    call.name_space = parts.size() == 2 ? std::string(parts[1]) : application_.info.identity_name_space;
    const auto& endpoints = scope.snapshot->endpoints;
    if (const auto it = parts.size() == 1 ? endpoints.find(call.target) : endpoints.end(); it != endpoints.end()) {
      call.kind = Kind::endpoint;
      call.endpoint = &it->second;
      call.breaker_key = call.target + ":" + it->second.base_url;
    } else {
      const bool own = call.id == application_.info.id && call.name_space == application_.info.identity_name_space;
      call.kind = own ? Kind::own : Kind::peer;
      call.breaker_key = call.target + ":" + call.request.method;
      const bool to_grpc = own && application_.channel != nullptr && application_.channel->is_grpc();
      if (scope.face == Face::http && (!own || to_grpc)) state_length(call.request);
      if (own) {
        call.request.headers.erase("dapr-caller-app-id");
      } else {
        stamp(call.request, call);
      }
    }
  }
  call.streaming = call.request.body != nullptr && !call.request.length;
  auto policy = scope.snapshot->resiliency->app_policy(call.target, call.breaker_key);
  if (call.streaming) policy.retry = nullptr;
  if (call.request.body != nullptr) {
    call.body.emplace(*call.request.body, call.streaming ? 0 : policy.retry ? kPolicyReplayMax : kHopReplayMax);
    call.request.body = &*call.body;
  }
  if (policy.empty()) co_return co_await attempt(scope, call);
  const auto limit = policy.timeout;
  const auto work = [this, &scope, &call, limit](int number) -> Async<InvokeAnswer> {
    if (number > 1 && call.body && !call.body->rewind()) {
      co_return fail(Error{.message = "the body is too long to be sent again", .failure = Failure::circuit_open});
    }
    const auto begun = std::chrono::steady_clock::now();
    auto made = co_await attempt(scope, call);
    if (made && limit) made->deadline = begun + *limit;
    co_return std::move(made);
  };
  co_return co_await resilience::run<InvokeAnswer>(scope, std::move(policy), work);
}

// One attempt. An answer outside 200-399 (of a gRPC caller: 200-299) counts as failed for policies; it is kept, with its body.
Async<InvokeAnswer> Invocation::attempt(RequestScope& scope, Call& call) {
  call.failed.reset();
  // A peer does the same for its application.
  if (call.streaming && call.kind != Kind::peer && seldom_has_body(call.request.verb)) {
    MECHA_CO_TRY(const bool empty, co_await call.body->is_empty());
    if (empty) {
      call.request.body = nullptr;
      call.request.length = 0;
    }
  }
  auto called = co_await call_target(scope, call);
  if (!called) co_return std::move(called);
  // Errors of gRPC applications count as success for HTTP callers (contract 01, 8.3).
  if (called->is_grpc() && scope.face != Face::grpc) co_return std::move(called);
  // To a gRPC caller a redirect is an error, too.
  const bool redirect = scope.face == Face::grpc && !called->is_grpc() && called->status >= 300;
  if (called->success() && !redirect) co_return std::move(called);
  const auto status = called->status;
  if (!call.streaming && called->body) {
    // A longer one keeps its status, too: what is behind the limit is read as the caller takes it.
    MECHA_CO_TRY(auto body, co_await net::read_start(*called->body, kFailedBodyMax));
    if (body.size() < kFailedBodyMax) {
      called->length = body.size();
      called->body = std::make_unique<net::TextBody>(std::move(body));
    } else {
      called->body = std::make_unique<net::BegunBody>(std::move(body), std::move(called->body));
    }
  }
  call.failed = std::move(*called);
  // Conditions of retries look at HTTP callers only.
  co_return fail(Error{.message = answered(status), .outcome = scope.face == Face::grpc ? -1 : status});
}

Async<InvokeAnswer> Invocation::call_target(RequestScope& scope, Call& call) {
  switch (call.kind) {
    case Kind::url: return external_.call_url(scope, call.target, call.request);
    case Kind::endpoint: return external_.call_endpoint(scope, *call.endpoint, call.request);
    case Kind::own: return call_own(scope, call);
    case Kind::peer: break;
  }
  return call_peer(scope, call);
}

Async<InvokeAnswer> Invocation::call_own(RequestScope& scope, Call& call) {
  if (application_.channel == nullptr) {
    co_return fail(Code::internal, "cannot invoke local endpoint: app channel not initialized");
  }
  auto called = co_await invoke_application(scope, call.request);
  if (!called && is_unhealthy(called.error())) called.error().message = called.error().as_rpc_text();
  co_return std::move(called);
}

Async<std::string> Invocation::resolve(Call& call) {
  for (int tries = 0; tries <= 5; ++tries) {
    MECHA_CO_TRY(auto address, co_await resolver_->resolve({call.id, call.name_space}));
    if (!address.empty()) co_return address;
    if (!co_await sleep_for(100ms)) break;
  }
  co_return fail(
      Code::internal, "resolver returned empty address for app id " + call.name_space + "/" + call.id
  );
}

Async<InvokeAnswer> Invocation::call_peer(RequestScope& scope, Call& call) {
  MECHA_CO_TRY(const auto address, co_await resolve(call));
  auto policy = call.streaming ? resilience::Policy{}
                               : scope.snapshot->resiliency->built_in_service_retry(call.id);
  resilience::Backoff backoff(policy.retry, Clock::real());
  for (int tries = 0;; ++tries) {
    auto answered = co_await hop(scope, call, address);
    if (answered || !may_repeat_hop(answered.error().code)) co_return std::move(answered);
    peers_.drop(address);
    resolver_->forget(address);
    const bool again = !policy.empty() && (!call.body || call.body->rewind());
    const auto wait = again ? backoff.next(answered.error()) : std::nullopt;
    if (!wait) {
      if (tries > 0) {
        answered.error().message = "failed to invoke target " + call.id + " after " + std::to_string(tries) +
                                   " retries. Error: " + answered.error().message;
      }
      co_return std::move(answered);
    }
    if (tries == 0) policy.retrying(*wait, answered.error());
    const MarkTimer timer(scope, Mark::resilience);
    if (!co_await sleep_for(*wait)) co_return std::move(answered);
  }
}

Async<InvokeAnswer> Invocation::hop(RequestScope& scope, Call& call, const std::string& address) {
  auto& metrics = *application_.metrics;
  const auto begun = RequestScope::Clock::now();
  metrics.count(Metric::runtime_service_invocation_req_sent_total, {call.id, "unary"});
  auto answered = co_await peers_.invoke(scope, address, call.request);
  if (!answered && answered.error().code == Code::unimplemented) {
    // A peer of an old version: the whole body in one message, if it can be had again.
    if (call.streaming || (call.body && !call.body->rewind())) {
      co_return fail(
          Code::unimplemented,
          "target app '" + call.id +
              "' is running a version of Dapr that does not support streaming-based service invocation"
      );
    }
    std::string body;
    if (call.body) {
      MECHA_CO_TRY(body, co_await net::read_all(*call.body, kPolicyReplayMax));
    }
    answered = co_await peers_.invoke_unary(scope, address, call.request, std::move(body));
  }
  if (answered) {
    answered->remote = true;
    const auto status = std::to_string(answered->status);
    const auto spent = milliseconds_since(begun);
    metrics.count(Metric::runtime_service_invocation_res_recv_total, {call.id, status, "unary"});
    metrics.observe(Metric::runtime_service_invocation_res_recv_latency_ms, {call.id, status}, spent);
  }
  co_return std::move(answered);
}

// What a sidecar says of itself and of the way so far (contract 01, 5.3 and 9.2); a client cannot say it instead.
void Invocation::stamp(InvokeRequest& request, const Call& call) const {
  const auto& info = application_.info;
  auto& headers = request.headers;
  for (const auto name : {"destination-app-id", "dapr-caller-app-id", "dapr-caller-namespace", "dapr-callee-app-id"}) {
    headers.erase(name);
  }
  headers.add("destination-app-id", call.id);
  headers.add("dapr-caller-namespace", info.identity_name_space);
  headers.add("dapr-caller-app-id", info.id);
  headers.add("dapr-callee-app-id", call.id);
  headers.add("X-Forwarded-For", info.host_address);
  headers.add("X-Forwarded-Host", info.host_name);
  const bool ip6 = info.host_address.find(':') != std::string::npos;
  const auto address = ip6 ? "\"[" + info.host_address + "]\"" : info.host_address;
  headers.add("Forwarded", "for=" + address + ";by=" + address + ";host=" + info.host_name);
}

}  // namespace mecha
