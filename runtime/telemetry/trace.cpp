#include "runtime/telemetry/trace.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::trace {

namespace {

constexpr std::size_t kStateMax = 512;
constexpr char kDigits[] = "0123456789abcdef";

template <std::size_t N>
bool read_hex(std::string_view text, std::array<std::uint8_t, N>& into) {
  if (text.size() != 2 * N) return false;
  for (std::size_t i = 0; i < 2 * N; ++i) {
    const char c = text[i];
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return false;
    }
    into[i / 2] = static_cast<std::uint8_t>(i % 2 == 0 ? digit << 4 : into[i / 2] | digit);
  }
  return true;
}

template <std::size_t N>
void write_hex(std::string& out, const std::array<std::uint8_t, N>& bytes) {
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

template <std::size_t N>
bool any(const std::array<std::uint8_t, N>& bytes) {
  return std::ranges::any_of(bytes, [](std::uint8_t b) { return b != 0; });
}

}  // namespace

bool Context::valid() const { return any(trace_id) && any(span_id); }

std::string Context::trace_hex() const {
  std::string out;
  write_hex(out, trace_id);
  return out;
}

std::string Context::span_hex() const {
  std::string out;
  write_hex(out, span_id);
  return out;
}

std::string Context::traceparent() const {
  std::string out;
  out.reserve(55);
  out += "00-";
  write_hex(out, trace_id);
  out += '-';
  write_hex(out, span_id);
  out += '-';
  write_hex(out, std::array<std::uint8_t, 1>{flags});
  return out;
}

std::string Context::binary() const {
  std::string out(1, '\0');
  out += '\0';
  out.append(trace_id.begin(), trace_id.end());
  out += '\1';
  out.append(span_id.begin(), span_id.end());
  out += '\2';
  out += static_cast<char>(flags);
  return out;
}

std::optional<Context> parse_traceparent(std::string_view text) {
  const auto parts = text::split(text, '-');
  std::array<std::uint8_t, 1> version{}, flags{};
  Context context;
  if (parts.size() < 4 || !read_hex(parts[0], version) || version[0] == 0xff) return {};
  if (version[0] == 0 && parts.size() != 4) return {};
  if (!read_hex(parts[1], context.trace_id) || !read_hex(parts[2], context.span_id)) return {};
  if (!read_hex(parts[3], flags)) return {};
  context.flags = flags[0];
  if (!context.valid()) return {};
  return context;
}

std::optional<Context> parse_binary(std::string_view bytes) {
  if (bytes.size() != 29 || bytes[0] != 0 || bytes[1] != 0 || bytes[18] != 1 || bytes[27] != 2) {
    return {};
  }
  Context context;
  std::copy_n(bytes.begin() + 2, 16, context.trace_id.begin());
  std::copy_n(bytes.begin() + 19, 8, context.span_id.begin());
  context.flags = static_cast<std::uint8_t>(bytes[28]);
  if (!context.valid()) return {};
  return context;
}

std::optional<Context> extract(std::string_view traceparent, std::string_view tracestate) {
  auto context = parse_traceparent(traceparent);
  if (context && tracestate.size() <= kStateMax) context->state = tracestate;
  return context;
}

}  // namespace mecha::trace
