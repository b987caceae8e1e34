#include "runtime/base/text_fault.hpp"

#include <cstdio>

#include "runtime/base/text.hpp"

namespace mecha::text {

// The place is counted as Go counts it: behind the last whole group where the text is too short, else at the first odd byte.
std::string base64_fault(std::string_view text) {
  const auto at = [](std::size_t place) { return "illegal base64 data at input byte " + std::to_string(place); };
  const auto is_break = [](char c) { return c == '\r' || c == '\n'; };
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '/'; };
  std::size_t i = 0;
  const auto skip_breaks = [&] {
    while (i < text.size() && is_break(text[i])) ++i;
  };
  std::size_t digits = 0;
  while (i < text.size()) {
    const char c = text[i++];
    if (is_break(c)) continue;
    if (is_digit(c)) {
      digits = (digits + 1) % 4;
      continue;
    }
    if (c != '=' || digits < 2) return at(i - 1);
    if (digits == 2) {
      skip_breaks();
      if (i == text.size()) return at(i);
      if (text[i] != '=') return at(i - 1);
      ++i;
    }
    skip_breaks();
    return at(i);
  }
  return at(i - digits);
}

std::string hex_fault(std::string_view text) {
  for (const char c : text) {
    if (hex_value(c) >= 0) continue;
    char code[16];
    std::snprintf(code, sizeof(code), "U+%04X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    std::string message = std::string("encoding/hex: invalid byte: ") + code;
    if (c > ' ' && c < 0x7f) message.append(" '").append(1, c).append("'");
    return message;
  }
  return "encoding/hex: odd length hex string";
}

}  // namespace mecha::text
