#include "runtime/telemetry/request_scope.hpp"

#include <cstdio>

namespace mecha {

namespace {

constexpr std::array<const char*, kMarks> kNames{
    "queue", "codec", "resilience", "component", "peer", "app"
};

void append(std::string& out, const char* name, RequestScope::Clock::duration time) {
  char part[64];
  const double ms = std::chrono::duration<double, std::milli>(time).count();
  std::snprintf(part, sizeof part, "%s%s;dur=%.3f", out.empty() ? "" : ", ", name, ms);
  out += part;
}

}  // namespace

std::string RequestScope::server_timing() const {
  const Clock::duration total = Clock::now() - begun;
  Clock::duration rest = total;
  std::string out;
  for (std::size_t i = 0; i < kMarks; ++i) {
    rest -= marks_[i];
    if (marks_[i] > Clock::duration::zero()) append(out, kNames[i], marks_[i]);
  }
  append(out, "runtime", std::max(rest, Clock::duration::zero()));
  append(out, "total", total);
  return out;
}

Log RequestScope::tagged(const Log& log) const {
  if (!span.valid()) return log;
  return log.with("trace_id", span.trace_hex()).with("span_id", span.span_hex());
}

}  // namespace mecha
