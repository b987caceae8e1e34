#include "components/state/like.hpp"

#include <cstddef>

namespace mecha::state {
namespace {

std::size_t character_bytes(std::string_view text, std::size_t at) {
  std::size_t n = 1;
  while (at + n < text.size() && (static_cast<unsigned char>(text[at + n]) & 0xC0) == 0x80) ++n;
  return n;
}

}  // namespace

bool like(std::string_view pattern, std::string_view text) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t p = 0, t = 0, star = kNone, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '_') {
      ++p;
      t += character_bytes(text, t);
      continue;
    }
    const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    const std::size_t at = escaped ? p + 1 : p;
    if (at < pattern.size() && pattern[at] == text[t]) {
      p = at + 1;
      ++t;
      continue;
    }
    if (star == kNone) return false;
    p = star + 1;  // the last % takes one more character
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

}  // namespace mecha::state
