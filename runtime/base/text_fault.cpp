#include "runtime/base/text_fault.hpp"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <type_traits>

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

std::string number_fault(std::string_view function, std::string_view text, bool is_too_large) {
  std::string message = "strconv.";
  message.append(function).append(": parsing ").append(quote(text));
  return message.append(is_too_large ? ": value out of range" : ": invalid syntax");
}

template <class T>
Result<T> whole_number(std::string_view function, std::string_view text) {
  std::string_view rest = text;
  std::string digits;
  if (std::is_signed_v<T> && (rest.starts_with('-') || rest.starts_with('+'))) {
    if (rest.starts_with('-')) digits = "-";
    rest.remove_prefix(1);
  }
  int base = 10;
  bool divided = true;  // an underscore may follow
  if (rest.size() > 1 && rest[0] == '0') {
    const char kind = lower(rest.substr(1, 1))[0];
    base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
    rest.remove_prefix(kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1);
  } else {
    divided = false;
  }
  const auto refuse = [&](bool is_too_large = false) { return fail(Code::invalid_argument, number_fault(function, text, is_too_large)); };
  for (const char c : rest) {
    if (c == '_' && !divided) return refuse();
    divided = c != '_';
    if (c != '_') digits += c;
  }
  T parsed = 0;
  const auto* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, parsed, base);
  if (end != last || error == std::errc::invalid_argument || rest.ends_with('_') || rest.starts_with('-')) return refuse();
  if (error != std::errc()) return refuse(true);
  return parsed;
}

template Result<std::int8_t> whole_number(std::string_view, std::string_view);
template Result<std::int16_t> whole_number(std::string_view, std::string_view);
template Result<std::int32_t> whole_number(std::string_view, std::string_view);
template Result<std::int64_t> whole_number(std::string_view, std::string_view);
template Result<std::uint8_t> whole_number(std::string_view, std::string_view);
template Result<std::uint16_t> whole_number(std::string_view, std::string_view);
template Result<std::uint32_t> whole_number(std::string_view, std::string_view);
template Result<std::uint64_t> whole_number(std::string_view, std::string_view);

}  // namespace mecha::text
