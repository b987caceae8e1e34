// The small grammars of gRPC in header fields: time-outs, messages, binary values, content types.

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"
#include "runtime/net/grpc.hpp"

namespace mecha::net::grpc {
namespace {

using std::chrono::nanoseconds;

struct Unit {
  char letter;
  std::int64_t nanoseconds;
};
constexpr std::array<Unit, 6> kUnits{
    {{'n', 1},
     {'u', 1'000},
     {'m', 1'000'000},
     {'S', 1'000'000'000},
     {'M', 60'000'000'000},
     {'H', 3'600'000'000'000}}
};
constexpr std::int64_t kTimeoutMax = 99'999'999;

bool plain(char c) { return c >= ' ' && c <= '~' && c != '%'; }

}  // namespace

std::optional<nanoseconds> parse_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t amount = 0;
  const auto* const end = text.data() + text.size() - 1;
  const auto [at, error] = std::from_chars(text.data(), end, amount);
  if (error != std::errc() || at != end || text.front() == '-') return std::nullopt;
  for (const auto& unit : kUnits) {
    if (unit.letter != text.back()) continue;
    if (amount > nanoseconds::max().count() / unit.nanoseconds) return nanoseconds::max();
    return nanoseconds(amount * unit.nanoseconds);
  }
  return std::nullopt;
}

std::string format_timeout(nanoseconds time) {
  if (time.count() <= 0) return "0n";
  for (const auto& unit : kUnits) {
    const auto amount = time.count() / unit.nanoseconds + (time.count() % unit.nanoseconds > 0 ? 1 : 0);
    if (amount <= kTimeoutMax || unit.letter == 'H') return std::to_string(amount) + unit.letter;
  }
  return {};
}

std::string encode_message(std::string_view text) {
  std::string clean;
  if (!text::is_utf8(text)) {
    clean = text::sanitize_utf8(text);
    text = clean;
  }
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  // Blanks at the ends would be trimmed on the way.
  const auto first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (plain(c) && (c != ' ' || (i > first && i < last))) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string decode_message(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = text::hex_value(text[i + 1]);
      const int low = text::hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::string encode_bin(std::string_view bytes) {
  auto out = text::base64(bytes);
  while (out.ends_with('=')) out.pop_back();
  return out;
}

std::optional<std::string> decode_bin(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  return text::from_base64(text, false);
}

bool is_grpc_type(std::string_view content_type) {
  if (!content_type.starts_with(kType)) return false;
  return content_type.size() == kType.size() || content_type[kType.size()] == '+' || content_type[kType.size()] == ';';
}

bool is_reserved(std::string_view name) {
  constexpr std::array<std::string_view, 9> names{
      "te", "content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding",
      "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-message-type"};
  return name.starts_with(':') || std::ranges::any_of(names, [&](std::string_view reserved) {
    return text::equals_nocase(name, reserved);
  });
}

std::string malformed_status(std::string_view written) {
  const auto digits = written.substr(written.starts_with('-') || written.starts_with('+') ? 1 : 0);
  const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  return "transport: malformed grpc-status: " + text::number_fault("ParseInt", written, is_number);
}

Code code_of(std::int64_t number) { return number >= 0 && number <= 255 ? static_cast<Code>(number) : Code::unknown; }

std::optional<Code> status_code(const Headers& headers) {
  const auto text = headers.get("grpc-status");
  if (!text) return std::nullopt;
  const auto number = text::to_int(*text);
  if (!number || !std::in_range<std::int32_t>(*number)) return std::nullopt;
  return code_of(*number);
}

bool is_grpc(const RequestHead& head) { return is_grpc_type(head.headers.value_or("content-type")); }

}  // namespace mecha::net::grpc
