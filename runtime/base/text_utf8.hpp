// UTF-8, one character at a time. Bad bytes count one each, as in Go.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mecha::text {

inline constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
  char32_t value = kReplacement;
  std::size_t size = 1;
  bool valid = false;
};

// The character at the start of `s`, which is not empty.
Decoded decode_utf8(std::string_view s);
void append_utf8(std::string& out, char32_t c);
// Characters in `s`.
std::size_t count_utf8(std::string_view s);
// The beginning of `s` of at most `most` bytes that cuts no character in two.
std::string_view cut_utf8(std::string_view s, std::size_t most);
// Whether "%q" of Go shows the character as it is.
bool is_printable(char32_t c);

}  // namespace mecha::text
