#include "runtime/base/text_utf8.hpp"

#include <cstdint>
#include <cstring>

#include "runtime/base/text.hpp"

namespace mecha::text {
namespace {

bool all_ascii(std::string_view s) {
  std::size_t i = 0;
  for (; i + 8 <= s.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, s.data() + i, 8);
    if ((word & 0x8080808080808080U) != 0) return false;
  }
  for (; i < s.size(); ++i) {
    if ((static_cast<unsigned char>(s[i]) & 0x80U) != 0) return false;
  }
  return true;
}

}  // namespace

Decoded decode_utf8(std::string_view s) {
  const auto byte = [s](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto continues = [&](std::size_t i) { return i < s.size() && (byte(i) & 0xC0U) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return {.value = first, .size = 1, .valid = true};
  if (first < 0xC2 || first > 0xF4 || !continues(1)) return {};
  if (first < 0xE0) return {.value = (first & 0x1FU) << 6 | (byte(1) & 0x3FU), .size = 2, .valid = true};
  const unsigned second = byte(1);
  if (!continues(2)) return {};
  if (first < 0xF0) {
    // Overlong forms and surrogates are no characters.
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return {};
    return {
        .value = (first & 0x0FU) << 12 | (second & 0x3FU) << 6 | (byte(2) & 0x3FU), .size = 3, .valid = true
    };
  }
  if (!continues(3) || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return {};
  return {
      .value = (first & 0x07U) << 18 | (second & 0x3FU) << 12 | (byte(2) & 0x3FU) << 6 | (byte(3) & 0x3FU),
      .size = 4,
      .valid = true
  };
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacement;
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::size_t count_utf8(std::string_view s) {
  std::size_t count = 0;
  for (; !s.empty(); ++count) s.remove_prefix(decode_utf8(s).size);
  return count;
}

bool is_utf8(std::string_view s) {
  if (all_ascii(s)) return true;
  while (!s.empty()) {
    const Decoded c = decode_utf8(s);
    if (!c.valid) return false;
    s.remove_prefix(c.size);
  }
  return true;
}

std::string sanitize_utf8(std::string_view s) {
  if (is_utf8(s)) return std::string(s);
  std::string out;
  out.reserve(s.size() + 8);
  while (!s.empty()) {
    const Decoded c = decode_utf8(s);
    if (c.valid) {
      out.append(s.substr(0, c.size));
    } else {
      append_utf8(out, kReplacement);
    }
    s.remove_prefix(c.size);
  }
  return out;
}

std::string_view cut_utf8(std::string_view s, std::size_t most) {
  if (s.size() <= most) return s;
  // A character has four bytes at most, and each but the first begins with the bits 10.
  auto end = most;
  while (end > 0 && most - end < 3 && (static_cast<unsigned char>(s[end]) & 0xC0) == 0x80) --end;
  return s.substr(0, decode_utf8(s.substr(end)).valid ? end : most);
}

}  // namespace mecha::text
