// The trace attributes of messages, in the three modes of contract 03, 1.3.

#pragma once

#include <optional>
#include <string>

#include "runtime/base/json.hpp"
#include "runtime/telemetry/request_scope.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::pubsub {

struct TraceAttributes {
  std::string traceparent, tracestate;  // empty: nothing to say
};

trace::Mode trace_mode(const RequestScope& scope);
// Of the API call.
TraceAttributes trace_of(const RequestScope& scope);
TraceAttributes trace_of(const trace::Context& context);

// The span of one delivery, a child of the one that the event names, and from now on that of the scope. Not recorded, and the
// scope as it was, when the event names none or nothing is traced.
trace::Span delivery_span(RequestScope& scope, const std::string& topic, const json::Value& envelope);
// A status of an HTTP application in the words of all spans, anything else by its message.
void fail_span(trace::Span& span, const Error& error);

}  // namespace mecha::pubsub
