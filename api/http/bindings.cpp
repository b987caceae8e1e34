#include "api/http/bindings.hpp"

#include "api/errors/common.hpp"
#include "runtime/app/application.hpp"
#include "runtime/app/error_metric.hpp"
#include "runtime/base/json_read.hpp"
#include "runtime/capabilities/bindings/output.hpp"
#include "runtime/telemetry/baggage.hpp"

namespace mecha::api {
namespace {

Result<bindings::InvokeRequest> read_request(const json::Value& body) {
  constexpr std::string_view in = "OutputBindingRequest.";
  bindings::InvokeRequest request;
  if (body.is_null()) {
    request.data = "null";
    return request;
  }
  if (!body.is_object()) return json::mismatch(body, {}, "http.OutputBindingRequest");
  MECHA_TRY_VOID(json::read(body, "operation", request.operation, in));
  MECHA_TRY_VOID(json::read(body, "metadata", request.metadata, in));
  const auto* data = body.find_nocase("data");
  const auto* number = data == nullptr ? nullptr : json::out_of_range(*data);
  if (number != nullptr) return json::mismatch(*number, "OutputBindingRequest.data", "float64");
  request.data = data == nullptr ? "null" : json::write(*data);
  return request;
}

Result<bindings::InvokeRequest> parse_request(const std::string& body) {
  const auto parsed = json::parse(body);
  if (!parsed) return fail(errors::malformed_request(parsed.error().message));
  auto request = read_request(*parsed);
  if (!request) return fail(errors::malformed_request(request.error().message));
  return request;
}

// The trace and the baggage of the call go along as metadata (contract 03, 5.1), but for a trace that is all zeros.
Result<void> add_context(HttpRequest& http, Metadata& metadata) {
  const auto& scope = http.scope;
  if (scope.span.valid()) {
    metadata["traceparent"] = scope.span.traceparent();
    if (!scope.span.state.empty()) metadata["tracestate"] = scope.span.state;
  }
  auto baggage = telemetry::joined_baggage(http.exchange.request().headers.all("baggage"));
  if (baggage.empty()) return {};
  if (const auto checked = telemetry::check_baggage(baggage); !checked) {
    return fail(
        errors::malformed_request_plain("invalid baggage header: " + checked.error().message)
    );
  }
  metadata["baggage"] = std::move(baggage);
  return {};
}

asio::awaitable<void> invoke(bindings::OutputBindings& outputs, HttpRequest& http) {
  const auto body = co_await http.body();
  if (!body) {
    co_await respond_error(http, errors::malformed_request(body.error().message));
    co_return;
  }
  auto request = parse_request(*body);
  if (!request) {
    co_await respond_error(http, request.error());
    co_return;
  }
  if (const auto added = add_context(http, request->metadata); !added) {
    co_await respond_error(http, added.error());
    co_return;
  }
  auto outcome = co_await outputs.invoke(http.scope, http.parameter(0), std::move(*request));
  net::Headers headers;
  for (const auto& [name, value] : outcome.metadata) headers.add("metadata." + name, value);
  if (outcome.error) {
    count_error(http.scope, outcome.error->tag);
    co_await respond_json(
        http, outcome.error->status(), error_json(*outcome.error), std::move(headers)
    );
  } else if (outcome.answered) {
    co_await respond_json(http, 200, std::move(outcome.data), std::move(headers));
  } else {
    co_await respond_empty(http, 204, std::move(headers));
  }
}

}  // namespace

std::vector<HttpRoute> bindings_routes(bindings::OutputBindings& outputs) {
  std::vector<HttpRoute> routes;
  routes.push_back({
      .methods = {"POST", "PUT"},
      .pattern = "/v1.0/bindings/{name}",
      .name = "InvokeBinding",
      .group = "v1/bindings",
      .handler = [&outputs](HttpRequest& http) { return invoke(outputs, http); },
  });
  return routes;
}

}  // namespace mecha::api
