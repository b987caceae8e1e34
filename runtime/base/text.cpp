#include "runtime/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <unistd.h>

#include "runtime/base/check.hpp"

namespace mecha::text {
namespace {

constexpr char low(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char high(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr auto kToken = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

// Nearly all paths are: no part is empty or made of dots.
bool is_clean(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const auto end = path.find('/');
    const auto part = path.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

// The system is asked for 16 of them at once: it takes longer than all the rest.
std::array<unsigned char, 16> random_bytes() {
  struct Store {
    std::array<std::array<unsigned char, 16>, 16> rows;
    std::size_t left;
  };
  constinit thread_local Store store{};
  if (store.left == 0) {
    MECHA_CHECK(getentropy(store.rows.data(), sizeof store.rows) == 0);
    store.left = store.rows.size();
  }
  return std::exchange(store.rows[--store.left], {});
}

}  // namespace

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = low(c);
  return out;
}

std::string upper(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = high(c);
  return out;
}

bool equals_nocase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return x == y || low(x) == low(y); });
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

std::vector<std::string_view> split(std::string_view s, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = s.find(separator);
    parts.push_back(s.substr(0, end));
    if (end == std::string_view::npos) return parts;
    s.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> path_segments(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return split(path, '/');
}

bool is_token(std::string_view s) {
  return !s.empty() && std::ranges::all_of(s, [](unsigned char c) { return kToken[c]; });
}

bool is_field_value(std::string_view s) {
  return std::ranges::all_of(s, [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

std::string media_type(std::string_view content_type) {
  return lower(content_type.substr(0, content_type.find(';')));
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.append(separator);
    out.append(parts[i]);
  }
  return out;
}

std::string replace_all(std::string_view s, std::string_view from, std::string_view to) {
  if (from.empty()) return std::string(s);
  std::string out;
  for (;;) {
    const auto at = s.find(from);
    out.append(s.substr(0, at));
    if (at == std::string_view::npos) return out;
    out.append(to);
    s.remove_prefix(at + from.size());
  }
}

bool LessNoCase::operator()(std::string_view a, std::string_view b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return static_cast<unsigned char>(low(x)) < static_cast<unsigned char>(low(y));
  });
}

bool truthy(std::string_view s) {
  const std::string value = lower(trim(s));
  constexpr std::array<std::string_view, 6> kTrue{"y", "yes", "true", "t", "on", "1"};
  return std::ranges::find(kTrue, value) != kTrue.end();
}

std::optional<bool> strict_bool(std::string_view s) {
  constexpr std::array<std::string_view, 6> kTrue{"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> kFalse{"0", "f", "F", "false", "FALSE", "False"};
  if (std::ranges::find(kTrue, s) != kTrue.end()) return true;
  if (std::ranges::find(kFalse, s) != kFalse.end()) return false;
  return std::nullopt;
}

std::string clean_path(std::string_view path) {
  if (is_clean(path)) return std::string(path);
  const bool rooted = path.starts_with('/');
  std::vector<std::string_view> kept;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!rooted) {
      kept.push_back(part);
    }
  }
  std::string out;
  for (const auto part : kept) {
    if (rooted || !out.empty()) out.push_back('/');
    out.append(part);
  }
  if (out.empty()) out = rooted ? "/" : ".";
  return out;
}

std::string canonical_header(std::string_view name) {
  // A name that is none stays as it is, as in Go.
  if (!is_token(name)) return std::string(name);
  std::string out(name);
  bool start = true;
  for (char& c : out) {
    c = start ? high(c) : low(c);
    start = c == '-';
  }
  return out;
}

std::string uuid() {
  auto bytes = random_bytes();
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
  std::string out = hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (const std::size_t at : {8U, 13U, 18U, 23U}) out.insert(at, 1, '-');
  return out;
}

}  // namespace mecha::text
