// W3C trace context and spans (contract 01, 1.9; 06, 7.4). Values only: exporters live in tracer.hpp.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mecha::trace {

struct Context {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint8_t flags = 0;
  std::string state;  // tracestate, as received

  bool valid() const;  // neither id is all zero
  bool sampled() const { return (flags & 1) != 0; }
  std::string traceparent() const;
  std::string binary() const;  // grpc-trace-bin, 29 bytes
};

// Empty if malformed, of a version that does not exist, or with an all-zero id.
std::optional<Context> parse_traceparent(std::string_view text);
std::optional<Context> parse_binary(std::string_view bytes);

}  // namespace mecha::trace
