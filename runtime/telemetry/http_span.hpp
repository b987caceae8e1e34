// What the span of a call of the HTTP API is called and which attributes it has (contract 06, 7.4).

#pragma once

#include <string_view>

#include "runtime/telemetry/tracer.hpp"

namespace mecha::trace {

struct HttpCall {
  std::string_view method;
  std::string_view path;            // decoded, without query
  std::string_view client_address;  // "127.0.0.1:4711"
};

// Each does nothing unless the span is recorded. Request headers that start with "dapr-" are
// attributes, too: the caller sets them as they are.
void describe(Span& span, const HttpCall& call);
void finish(Span& span, unsigned status);  // from 400 on an error
void fail(Span& span, unsigned status);    // "Code(404): Not Found"

}  // namespace mecha::trace
