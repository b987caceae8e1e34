#include "runtime/mesh/peer_server.hpp"

#include "runtime/app/application.hpp"
#include "runtime/app/caller_watch.hpp"
#include "runtime/app/method.hpp"
#include "runtime/base/text.hpp"
#include "runtime/mesh/peer_codec.hpp"
#include "runtime/mesh/proxy.hpp"
#include "runtime/mesh/request_body.hpp"
#include "runtime/security/access_control.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::mesh {
namespace {

using net::grpc::ServerCall;
using net::grpc::Status;

std::optional<trace::Context> parent_of(const net::Headers& metadata) {
  if (const auto binary = metadata.get("grpc-trace-bin")) {
    if (const auto bytes = net::grpc::decode_bin(*binary)) return trace::parse_binary(*bytes);
  }
  if (const auto text = metadata.get("traceparent")) return trace::parse_traceparent(*text);
  return std::nullopt;
}

Error unsupported_version(std::int64_t version) {
  Error error{
      .code = Code::unimplemented,
      .message = "Unsupported spec version: " + std::to_string(version)};
  error.message = error.as_rpc_text();
  return error;
}

// Calls of actors, which are not placed anywhere.
bool is_actor_call(std::string_view method) {
  constexpr std::string_view service = "/dapr.proto.internals.v1.ServiceInvocation/";
  if (!method.starts_with(service)) return false;
  method.remove_prefix(service.size());
  return method == "CallActor" || method == "CallActorReminder" || method == "CallActorStream";
}

// Whether the application gets a body, and how long it is. A request of a verb that seldom has one is looked into first.
Async<void> settle_body(InvokeRequest& request, RequestBody& body) {
  request.body = &body;
  request.length = text::to_uint(request.headers.value_or("content-length"));
  if (request.length && *request.length > 0) co_return Result<void>{};
  if (seldom_has_body(request.verb) || request.verb.empty() || request.length) {
    MECHA_CO_TRY(const bool empty, co_await body.is_empty());
    if (empty) {
      request.body = nullptr;
      request.length = 0;
    } else {
      request.length.reset();
    }
  }
  co_return Result<void>{};
}

// Counts a call of another sidecar when it comes, and its answer when it ends: with the status of the application's answer,
// with that of a failure where there is none.
class CallCount {
 public:
  CallCount(Metrics& metrics, const InvokeRequest& request)
      : metrics_(metrics), caller_(request.headers.value_or("dapr-caller-app-id")) {
    if (caller_.empty()) caller_ = "unknown";
    else metrics_.count(Metric::runtime_service_invocation_req_recv_total, {caller_});
  }
  CallCount(const CallCount&) = delete;
  CallCount& operator=(const CallCount&) = delete;
  ~CallCount() {
    metrics_.count(Metric::runtime_service_invocation_res_sent_total, {caller_, std::to_string(status_)});
  }
  void answered(unsigned status) { status_ = status; }

 private:
  Metrics& metrics_;
  std::string caller_;
  unsigned status_ = static_cast<unsigned>(Code::internal);
};

// Sends the answer in messages: the head with the first piece, then piece by piece.
Async<void> send_answer(ServerCall& call, InvokeAnswer answer, bool events) {
  std::uint64_t seq = 0;
  if (events) answer.status = 0;
  auto message = encode_stream_head(encode_response(answer, std::nullopt));
  bool head_sent = false;
  while (answer.body != nullptr) {
    auto piece = co_await answer.body->read();
    if (!piece) co_return fail(std::move(piece).error());
    if (piece->empty()) break;
    append_payload(message, *piece, seq++);
    MECHA_CO_TRY_VOID(co_await call.write(message));
    head_sent = true;
    message.clear();
    if (answer.body->at_end()) break;
  }
  // An event stream without events ends without a message: its caller reports that as EOF.
  if (!head_sent && !events) MECHA_CO_TRY_VOID(co_await call.write(message));
  co_return Result<void>{};
}

}  // namespace

asio::awaitable<void> PeerServer::serve(net::Exchange& exchange) {
  if (auto refusal = net::grpc::refusal_of(exchange.request())) {
    (void)co_await exchange.respond(*std::move(refusal), {});
    co_return;
  }
  ServerCall call(exchange, message_max_);
  RequestScope scope(application_, application_.snapshot(), Face::peer);
  scope.parent = parent_of(call.metadata());
  const CallerWatch watch(scope, exchange);
  const net::grpc::DeadlineGuard guard(call, co_await asio::this_coro::executor);
  try {
    co_await answer(scope, call, exchange);
  } catch (const boost::system::system_error& error) {
    if (!watch.gave_up(error)) throw;
  }
  co_await watch.settle();
}

asio::awaitable<void> PeerServer::answer(RequestScope& scope, ServerCall& call, net::Exchange& exchange) {
  const std::string method{call.method()};
  const bool stream = method == kCallLocalStream;
  if (is_actor_call(method)) {
    co_return (void)co_await call.finish({.code = Code::unavailable, .message = "placement service is not configured"});
  }
  if (!stream && method != kCallLocal) {
    auto span = begin_proxy_span(scope, method);
    scope.deadline = call.deadline();
    co_await proxy_.serve(scope, call, exchange);
    co_return measure_proxied(scope, call);
  }
  const auto identity = exchange.peer().identity;
  auto done = stream ? co_await call_local_stream(scope, call, identity)
                     : co_await call_local(scope, call, identity);
  if (!call.finished()) {
    Status status;
    if (!done) status = {.code = done.error().code, .message = done.error().message};
    (void)co_await call.finish(std::move(status));
  }
  if (!stream) measure_unary(scope, call);
}

// What came from another sidecar for the application counts as a call of the application.
void PeerServer::measure_proxied(const RequestScope& scope, const ServerCall& call) const {
  const auto& metadata = call.metadata();
  if (!metadata.has("dapr-app-id") && !metadata.has("dapr-callee-app-id")) return;
  const auto status = code_name(call.status());
  application_.metrics->count(Metric::grpc_io_client_completed_rpcs, {call.method(), status});
  application_.metrics->observe(
      Metric::grpc_io_client_roundtrip_latency, {call.method(), status}, milliseconds_since(scope.begun)
  );
}

// A call with one message there and one back, as the API counts its own.
void PeerServer::measure_unary(const RequestScope& scope, const ServerCall& call) const {
  const auto status = code_name(call.status());
  auto& metrics = *application_.metrics;
  metrics.count(Metric::grpc_io_server_completed_rpcs, {call.method(), status});
  metrics.observe(Metric::grpc_io_server_server_latency, {call.method(), status}, milliseconds_since(scope.begun));
  metrics.observe(Metric::grpc_io_server_received_bytes_per_rpc, {call.method()}, static_cast<double>(call.received_bytes()));
  metrics.observe(Metric::grpc_io_server_sent_bytes_per_rpc, {call.method()}, static_cast<double>(call.sent_bytes()));
}

Error PeerServer::app_channel_error(Error error) {
  if (is_unhealthy(error)) error.message = error.as_rpc_text();
  return {.code = Code::internal, .message = "error invoking app channel: " + error.message};
}

Result<void> PeerServer::admit(
    RequestScope& scope, InvokeRequest& request, const std::string& identity
) const {
  MECHA_TRY_VOID(check_method(request.method));
  request.rooted = request.method.starts_with('/');
  request.method = clean_method(request.method);
  if (application_.channel == nullptr) return fail(Code::internal, "app channel is not initialized");
  if (scope.snapshot->access == nullptr) return {};
  const bool http = !application_.channel->is_grpc();
  const std::string_view verb = request.verb.empty() ? "NONE" : std::string_view(request.verb);
  return scope.snapshot->access->check(identity, request.method, verb, http);
}

trace::Span PeerServer::begin_span(RequestScope& scope, const InvokeRequest& request) const {
  // The state travels with the headers of the request, not with the call.
  const auto state = request.headers.value_or("tracestate");
  if (scope.parent && state.size() <= 512) scope.parent->state = std::string(state);
  const auto operation = "CallLocal/" + application_.info.id + "/" + request.method;
  auto span = application_.tracer->start(operation, trace::Kind::server, scope.parent);
  scope.span = span.context();
  if (span.recorded()) {
    span.set("dapr.protocol", "grpc");
    span.set("dapr.api", std::string(kCallLocalStream));
    span.set("dapr.invoke_method", request.method);
    span.set("rpc.service", "ServiceInvocation");
  }
  return span;
}

trace::Span PeerServer::begin_proxy_span(RequestScope& scope, std::string_view method) const {
  auto span = application_.tracer->start(method, trace::Kind::server, scope.parent);
  scope.span = span.context();
  if (span.recorded()) {
    span.set("dapr.protocol", "grpc");
    span.set("dapr.api", std::string(method));
  }
  return span;
}

Async<void> PeerServer::call_local(RequestScope& scope, ServerCall& call, std::string identity) {
  MECHA_CO_TRY(auto message, co_await call.read());
  if (!message) co_return fail(Code::internal, "cardinality violation: received no request message from non-client-streaming RPC");
  MECHA_CO_TRY(auto decoded, decode_request(*message));
  if (!decoded.has_message) {
    co_return fail(Code::invalid_argument, "parsing InternalInvokeRequest error: field Message is nil");
  }
  auto& request = decoded.request;
  MECHA_CO_TRY_VOID(admit(scope, request, identity));
  if (decoded.version != 1) co_return fail(app_channel_error(unsupported_version(decoded.version)));

  auto span = begin_span(scope, request);
  net::TextBody body(std::move(decoded.data));
  request.body = &body;
  request.length = body.size();
  if (*request.length == 0) request.body = nullptr;
  CallCount count(*application_.metrics, request);
  auto invoked = co_await invoke_application(scope, request);
  if (!invoked) co_return fail(app_channel_error(std::move(invoked).error()));
  count.answered(invoked->status);
  std::string data;
  if (invoked->body) {
    auto read = co_await net::read_all(*invoked->body, message_max_);
    if (!read) co_return fail(app_channel_error(std::move(read).error()));
    data = std::move(*read);
  }
  MECHA_CO_TRY_VOID(co_await call.write(encode_response(*invoked, data)));
  co_return co_await call.finish({});
}

Async<void> PeerServer::call_local_stream(RequestScope& scope, ServerCall& call, std::string identity) {
  MECHA_CO_TRY(auto message, co_await call.read());
  if (!message) co_return fail(Code::unknown, "EOF");
  MECHA_CO_TRY(const auto first, decode_stream(*message));
  Result<DecodedRequest> decoded = decode_request(first.head.value_or(""));
  if (!decoded) co_return fail(std::move(decoded).error());
  if (!first.head || !decoded->has_metadata || !decoded->has_message) {
    co_return fail(
        Code::invalid_argument,
        "parsing InternalInvokeRequest error: request does not contain the required fields in the leading chunk"
    );
  }
  auto& request = decoded->request;
  MECHA_CO_TRY_VOID(admit(scope, request, identity));
  if (decoded->version != 1) co_return fail(app_channel_error(unsupported_version(decoded->version)));

  auto span = begin_span(scope, request);
  RequestBody body(call, std::move(*message));
  auto settled = co_await settle_body(request, body);
  if (!settled) co_return fail(app_channel_error(std::move(settled).error()));
  const bool events = wants_events(request.headers);
  CallCount count(*application_.metrics, request);
  auto invoked = co_await invoke_application(scope, request);
  if (!invoked) co_return fail(app_channel_error(std::move(invoked).error()));
  if (events && (invoked->status < 200 || invoked->status >= 300)) {
    co_return fail(app_channel_error({.message = "no response received from stream"}));
  }
  count.answered(invoked->status);
  MECHA_CO_TRY_VOID(co_await send_answer(call, std::move(*invoked), events));
  co_return co_await call.finish({});
}

}  // namespace mecha::mesh
