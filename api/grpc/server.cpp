#include "api/grpc/server.hpp"

#include <set>

#include "api/grpc/status.hpp"
#include "runtime/app/application.hpp"
#include "runtime/app/caller_watch.hpp"
#include "runtime/app/error_metric.hpp"
#include "runtime/base/text.hpp"
#include "runtime/security/api_token.hpp"
#include "runtime/telemetry/baggage.hpp"

namespace mecha::api {
namespace {

using net::grpc::ServerCall;
using net::grpc::Status;

std::set<std::string> groups_of(const std::vector<GrpcMethod>& methods) {
  std::set<std::string> groups;
  for (const auto& method : methods) groups.insert(method.group);
  groups.erase("");
  return groups;
}

std::unordered_map<std::string, GrpcMethod> by_path(std::vector<GrpcMethod> methods) {
  std::unordered_map<std::string, GrpcMethod> table;
  for (auto& method : methods) {
    auto path = method.path;
    table.insert_or_assign(std::move(path), std::move(method));
  }
  return table;
}

std::optional<trace::Context> parent_of(const net::Headers& metadata) {
  if (const auto binary = metadata.get("grpc-trace-bin")) {
    if (const auto bytes = net::grpc::decode_bin(*binary)) {
      if (auto context = trace::parse_binary(*bytes)) return context;
    }
  }
  const auto text = metadata.get("traceparent");
  return text ? trace::parse_traceparent(*text) : std::nullopt;
}

// Why a call has no right to be served; empty if it has.
std::string_view token_problem(const std::string& token, const net::Headers& metadata) {
  const auto given = metadata.get(security::kApiTokenHeader);
  if (!given) return "missing api token in request metadata";
  return security::equal_in_constant_time(*given, token) ? "" : "authentication error: api token mismatch";
}

Status malformed_baggage(const std::string& why) {
  return {.code = Code::invalid_argument, .message = "invalid baggage header: " + why, .details = {}};
}

asio::awaitable<void> answer(net::Exchange& exchange, net::ResponseHead head) {
  (void)co_await exchange.respond(std::move(head), {});
}

}  // namespace

// What is known of a call while it is served.
struct GrpcServer::Served {
  Served(Application& application, net::Exchange& exchange, std::size_t message_max)
      : scope(application, application.snapshot(), Face::grpc),
        call(exchange, message_max),
        path(call.method()),
        request{scope, call, exchange, span} {}

  RequestScope scope;
  ServerCall call;
  std::string path;
  trace::Span span;
  GrpcRequest request;
  const GrpcMethod* method = nullptr;  // null: to be proxied
};

GrpcServer::GrpcServer(
    Application& application, GrpcServerOptions options, std::vector<GrpcMethod> methods, Proxy proxy
)
    : application_(application),
      options_(std::move(options)),
      rules_(options_.allowed, options_.denied, groups_of(methods)),
      proxy_(std::move(proxy)),
      api_log_(application.log.scoped("dapr.runtime.grpc.api-info")) {
  methods_ = by_path(std::move(methods));
}

// One coroutine for all of a call: streams may be many, and wait long. What it says before it ends is said elsewhere.
asio::awaitable<void> GrpcServer::serve(net::Exchange& exchange) {
  if (auto refusal = net::grpc::refusal_of(exchange.request())) co_return co_await answer(exchange, *std::move(refusal));
  Served served(application_, exchange, options_.message_max);
  if (const auto found = methods_.find(served.path); found != methods_.end()) served.method = &found->second;
  served.scope.deadline = served.call.deadline();
  const CallerWatch watch(served.scope, exchange);
  const net::grpc::DeadlineGuard guard(served.call, co_await asio::this_coro::executor);
  auto end = refusal(served);
  const bool counted = !end;
  try {
    if (counted) end = begin_trace(served);
    if (!end && served.method == nullptr) {
      co_await proxy_(served.request);
    } else if (!end) {
      const auto done = co_await served.method->handler(served.request);
      end = outcome(served, done);
    }
    if (end && !served.call.finished()) co_await finish(served, *std::move(end));
  } catch (const boost::system::system_error& error) {
    if (!watch.gave_up(error)) throw;
    served.span.fail("context canceled");
  }
  co_await watch.settle();
  if (counted) measure(served);
  if (counted && options_.api_logging) log(served);
}

asio::awaitable<void> GrpcServer::finish(Served& served, Status status) {
  (void)co_await served.call.finish(std::move(status));
}

// Why a call is not served at all: allow and deny lists, and the token.
std::optional<Status> GrpcServer::refusal(Served& served) const {
  const bool unknown = served.method == nullptr && served.path.starts_with("/dapr.proto.runtime.");
  if (unknown ? !rules_.admits_unknown() : served.method != nullptr && !rules_.admits(served.method->group)) {
    return refused(Code::unimplemented, "Not Implemented", 501, "requested endpoint is not available");
  }
  const auto& token = application_.info.api_token;
  if (token.empty()) return std::nullopt;
  if (const auto problem = token_problem(token, served.call.metadata()); !problem.empty()) {
    return refused(Code::unauthenticated, "Unauthorized", 401, problem);
  }
  served.request.exchange.mutable_request().headers.erase(security::kApiTokenHeader);
  return std::nullopt;
}

// Fails when the baggage is malformed.
std::optional<Status> GrpcServer::begin_trace(Served& served) const {
  auto& tracer = *application_.tracer;
  if (tracer.mode() == trace::Mode::off) return std::nullopt;
  const auto& metadata = served.call.metadata();
  served.scope.baggage = telemetry::joined_baggage(metadata.all("baggage"));
  if (!served.scope.baggage.empty()) {
    if (const auto valid = telemetry::check_baggage(served.scope.baggage); !valid) return malformed_baggage(valid.error().message);
  }
  served.scope.parent = parent_of(metadata);
  served.span = tracer.start(served.path, trace::Kind::client, served.scope.parent);
  served.scope.span = served.span.context();
  net::Headers headers;
  if (!served.scope.baggage.empty()) headers.add("baggage", served.scope.baggage);
  const bool invocation = served.method == nullptr || served.path.ends_with("/InvokeService");
  if (!invocation && served.scope.span.valid()) {
    headers.add("grpc-trace-bin", net::grpc::encode_bin(served.scope.span.binary()));
  }
  if (!headers.empty()) served.call.set_headers(std::move(headers));
  if (served.span.recorded()) {
    served.span.set("dapr.protocol", "grpc");
    served.span.set("dapr.api", served.path);
    for (const auto& field : metadata) {
      if (field.name.starts_with("dapr-")) served.span.set(field.name, std::string(field.value));
    }
  }
  return std::nullopt;
}

// How a handler's result ends the call.
Status GrpcServer::outcome(Served& served, const Result<void>& done) const {
  if (done || served.call.finished()) return {};
  auto status = status_of(done.error());
  if (!done.error().tag.empty()) count_error(served.scope, done.error().tag);
  if (!status.ok()) served.span.fail(status.message);
  return status;
}

// Of streams only those are counted that are proxied, and not by their size.
void GrpcServer::measure(const Served& served) const {
  auto& metrics = *application_.metrics;
  const auto status = code_name(served.call.status());
  const bool streams = served.method == nullptr || served.method->streams;
  const auto& metadata = served.call.metadata();
  if (streams && !metadata.has("dapr-app-id") && !metadata.has("dapr-callee-app-id")) return;
  metrics.count(Metric::grpc_io_server_completed_rpcs, {served.path, status});
  metrics.observe(
      Metric::grpc_io_server_server_latency, {served.path, status}, milliseconds_since(served.scope.begun)
  );
  if (streams) return;
  metrics.observe(
      Metric::grpc_io_server_received_bytes_per_rpc, {served.path}, static_cast<double>(served.call.received_bytes())
  );
  metrics.observe(Metric::grpc_io_server_sent_bytes_per_rpc, {served.path}, static_cast<double>(served.call.sent_bytes()));
}

void GrpcServer::log(const Served& served) const {
  const auto duration = static_cast<std::int64_t>(milliseconds_since(served.scope.begun));
  const auto code = static_cast<std::int64_t>(served.call.status());
  const auto agent = served.call.metadata().value_or("user-agent");
  if (agent.empty()) {
    api_log_.always(
        Level::info, "gRPC API Called", {{"method", served.path}, {"duration", duration}, {"code", code}}
    );
    return;
  }
  api_log_.always(
      Level::info,
      "gRPC API Called",
      {{"method", served.path}, {"useragent", agent}, {"duration", duration}, {"code", code}}
  );
}

}  // namespace mecha::api
