#include "runtime/capabilities/configuration/push.hpp"

#include <utility>

#include "runtime/app/invoke.hpp"
#include "runtime/app/metadata_headers.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/base/json.hpp"
#include "runtime/resilience/run.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::configuration {
namespace {

// A gRPC application is called by the same words: OnInvoke, with the code of its status (0 is well).
Async<unsigned> invoke(RequestScope& scope, const std::string& route, const std::string& body) {
  net::TextBody data(body);
  InvokeRequest request{
      .method = route, .verb = "POST", .content_type = "application/json", .length = body.size(), .body = &data};
  MECHA_CO_TRY(const auto answer, co_await invoke_application(scope, request));
  co_return answer.success() ? 200U : static_cast<unsigned>(answer.status);
}

// One call, whatever the status says.
Async<unsigned> call(RequestScope& scope, const std::string& route, const std::string& body) {
  if (scope.app.channel->is_grpc()) co_return co_await invoke(scope, route, body);
  AppRequest request{.method = "POST", .target = request_target(route), .body = body};
  request.headers.set("content-type", "application/json");
  MECHA_CO_TRY(const auto answer, co_await scope.app.channel->request(scope, std::move(request)));
  co_return answer.status;
}

Async<int> attempt(RequestScope& scope, const std::string& route, const std::string& body) {
  MECHA_CO_TRY(const auto status, co_await call(scope, route, body));
  if (status == 200) co_return 200;
  co_return fail(Error{
      .code = Code::internal,
      .message = "error sending configuration item to application, status " + std::to_string(status),
      .outcome = static_cast<int>(status)});
}

asio::awaitable<void> push_key(
    Application& application, const std::string& store, const std::string& key, const std::string& body
) {
  RequestScope scope(application, application.snapshot(), Face::internal);
  trace::Span span;
  if (application.tracer) {
    span = application.tracer->start("configuration/" + store, trace::Kind::client, std::nullopt);
    scope.span = span.context();
  }
  const auto route = "configuration/" + store + "/" + key;
  std::function<Async<int>(int)> work = [&](int) { return attempt(scope, route, body); };
  auto policy = scope.snapshot->resiliency->component_policy(
      store, ComponentKind::configuration, resilience::Direction::inbound
  );
  const auto sent = co_await resilience::run<int>(scope, std::move(policy), std::move(work));
  if (!sent) {
    scope.tagged(application.log).error("error sending configuration item to the app: " + sent.error().message);
  }
}

}  // namespace

asio::awaitable<void> push(Application& application, std::string store, std::string id, Items items) {
  std::string body = "{\"id\":";
  json::write_string(body, id);
  body += ",\"items\":";
  write_items(body, items);
  body += "}\n";
  for (const auto& [key, item] : items) co_await push_key(application, store, key, body);
}

void write_items(std::string& out, const Items& items) {
  out += '{';
  for (bool first = true; const auto& [key, item] : items) {
    if (!std::exchange(first, false)) out += ',';
    json::write_string(out, key);
    out += ":{";
    bool empty = true;
    const auto member = [&](std::string_view name) {
      if (!std::exchange(empty, false)) out += ',';
      out.append("\"").append(name).append("\":");
    };
    if (!item.value.empty()) {
      member("value");
      json::write_string(out, item.value);
    }
    if (!item.version.empty()) {
      member("version");
      json::write_string(out, item.version);
    }
    if (!item.metadata.empty()) {
      member("metadata");
      json::write_texts(out, item.metadata);
    }
    out += '}';
  }
  out += '}';
}

}  // namespace mecha::configuration
