#include "api/http/answer.hpp"

namespace mecha::api {

void Answer::decorate(net::ResponseHead& head) const {
  for (const auto& field : extra) head.headers.add(field.name, field.value);
  if (traced) {
    if (scope_.span.valid() && !head.headers.has("traceparent")) {
      head.headers.add("Traceparent", scope_.span.traceparent());
      if (!scope_.span.state.empty()) head.headers.add("Tracestate", scope_.span.state);
    }
    if (!scope_.baggage.empty()) head.headers.add("Baggage", scope_.baggage);
  }
  if (scope_.timing) head.headers.add("Server-Timing", scope_.server_timing());
}

}  // namespace mecha::api
