// The trace attributes of messages, in the three modes of contract 03, 1.3.

#pragma once

#include <optional>
#include <string>

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

}  // namespace mecha::pubsub
