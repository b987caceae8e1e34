#include "api/http/answer.hpp"

namespace mecha::api {

void Answer::decorate(net::ResponseHead& head) const {
  if (!extra.empty()) {
    // Ours stand first; what the application says of the same is added behind.
    net::Headers merged(extra);
    for (const auto& field : head.headers) merged.add(field.name, field.value);
    head.headers = std::move(merged);
  }
  if (traced) {
    if (scope_.span.valid() && !head.headers.has("traceparent")) {
      head.headers.add("Traceparent", scope_.span.traceparent());
      if (!scope_.span.state.empty()) head.headers.add("Tracestate", scope_.span.state);
    }
    if (!scope_.baggage.empty()) head.headers.add("Baggage", scope_.baggage);
  }
  if (!component_state.empty() && head.status >= 400) head.headers.add("Mecha-Component-State", component_state);
  if (scope_.timing) head.headers.add("Server-Timing", scope_.server_timing());
}

}  // namespace mecha::api
