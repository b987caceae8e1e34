// W3C trace context and spans (contract 01, 1.9; 06, 7.4). Values only: exporters live in
// tracer.hpp.

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
  std::string traceparent() const;  // of a context that is not valid: all zeros
  std::string binary() const;       // grpc-trace-bin, 29 bytes
  std::string trace_hex() const;
  std::string span_hex() const;
};

// Empty if malformed, of a version that does not exist, or with an all-zero id.
std::optional<Context> parse_traceparent(std::string_view text);
std::optional<Context> parse_binary(std::string_view bytes);
// Both headers of a request: a tracestate of more than 512 characters is dropped.
std::optional<Context> extract(std::string_view traceparent, std::string_view tracestate);

}  // namespace mecha::trace
