// Percent encoding of URLs, and quoted texts as Go prints them.

#include <cstdio>

#include "runtime/base/text.hpp"
#include "runtime/base/text_utf8.hpp"

namespace mecha::text {
namespace {

constexpr std::string_view kUpper = "0123456789ABCDEF";
constexpr std::string_view kLower = "0123456789abcdef";

constexpr bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

std::optional<std::string> unescape(std::string_view s, bool plus_is_blank) {
  if (s.find('%') == std::string_view::npos && !(plus_is_blank && s.find('+') != std::string_view::npos)) {
    return std::string(s);
  }
  std::string out;
  out.reserve(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '%') {
      if (i + 2 >= s.size()) return std::nullopt;
      const auto byte = from_hex(s.substr(i + 1, 2));
      if (!byte) return std::nullopt;
      out.append(*byte);
      i += 2;
    } else {
      out.push_back(s[i] == '+' && plus_is_blank ? ' ' : s[i]);
    }
  }
  return out;
}

void append_hex(std::string& out, char kind, std::uint32_t value, int digits) {
  out.push_back('\\');
  out.push_back(kind);
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out.push_back(kLower[value >> shift & 15]);
}

void append_quoted(std::string& out, char32_t c) {
  switch (c) {
    case '"': out.append("\\\""); return;
    case '\\': out.append("\\\\"); return;
    case '\a': out.append("\\a"); return;
    case '\b': out.append("\\b"); return;
    case '\f': out.append("\\f"); return;
    case '\n': out.append("\\n"); return;
    case '\r': out.append("\\r"); return;
    case '\t': out.append("\\t"); return;
    case '\v': out.append("\\v"); return;
    default: break;
  }
  if (is_printable(c)) {
    append_utf8(out, c);
  } else if (c < 0x80) {
    append_hex(out, 'x', c, 2);
  } else if (c < 0x10000) {
    append_hex(out, 'u', c, 4);
  } else {
    append_hex(out, 'U', c, 8);
  }
}

}  // namespace

std::optional<std::string> unescape_path(std::string_view s) { return unescape(s, false); }
std::optional<std::string> unescape_query(std::string_view s) { return unescape(s, true); }

std::string escape(std::string_view s, std::string_view keep) {
  std::string out;
  out.reserve(s.size() + 16);
  for (const char c : s) {
    if (is_unreserved(c) || keep.find(c) != std::string_view::npos) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kUpper[byte >> 4]);
    out.push_back(kUpper[byte & 15]);
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto part : split(query, '&')) {
    // A semicolon was a separator once; Go refuses such a pair.
    if (part.empty() || part.find(';') != std::string_view::npos) continue;
    const auto equals = part.find('=');
    auto name = unescape_query(part.substr(0, equals));
    auto value = unescape_query(equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1));
    if (name && value) pairs.emplace_back(*std::move(name), *std::move(value));
  }
  return pairs;
}

std::string quote(std::string_view s) {
  std::string out;
  out.reserve(s.size() + 2);
  out.push_back('"');
  while (!s.empty()) {
    const Decoded c = decode_utf8(s);
    if (c.valid) {
      append_quoted(out, c.value);
    } else {
      append_hex(out, 'x', static_cast<unsigned char>(s[0]), 2);
    }
    s.remove_prefix(c.size);
  }
  out.push_back('"');
  return out;
}

}  // namespace mecha::text
