#include "runtime/capabilities/pubsub/trace.hpp"

#include "runtime/app/application.hpp"

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

}  // namespace mecha::pubsub
