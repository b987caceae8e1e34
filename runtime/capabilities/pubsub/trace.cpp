#include "runtime/capabilities/pubsub/trace.hpp"

#include "runtime/app/application.hpp"
#include "runtime/capabilities/pubsub/event.hpp"
#include "runtime/telemetry/http_span.hpp"

namespace mecha::pubsub {

trace::Mode trace_mode(const RequestScope& scope) {
  return scope.app.tracer == nullptr ? trace::Mode::off : scope.app.tracer->mode();
}

TraceAttributes trace_of(const trace::Context& context) {
  if (!context.valid()) return {};
  return {context.traceparent(), context.state};
}

TraceAttributes trace_of(const RequestScope& scope) {
  switch (trace_mode(scope)) {
    case trace::Mode::off: return {};
    case trace::Mode::spans: return trace_of(scope.span);
    case trace::Mode::pass_through: break;
  }
  return scope.parent ? trace_of(*scope.parent) : trace_of(scope.span);
}

trace::Span delivery_span(RequestScope& scope, const std::string& topic, const json::Value& envelope) {
  const auto attribute = trace_attribute(envelope);
  if (!attribute || trace_mode(scope) == trace::Mode::off) return {};
  auto span = scope.app.tracer->start("pubsub/" + topic, trace::Kind::client, trace::parse_traceparent(*attribute));
  span.set("messaging.system", "pubsub");
  span.set("messaging.destination.name", topic);
  scope.span = span.context();
  scope.span.state.clear();
  return span;
}

void fail_span(trace::Span& span, const Error& error) {
  if (!span.recorded()) return;
  if (error.http_status != 0) return trace::fail(span, error.http_status);
  span.fail(error.message);
}

}  // namespace mecha::pubsub
