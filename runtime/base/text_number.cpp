// Numbers in texts: decimal, floating, Kubernetes quantities.

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "runtime/base/text.hpp"

namespace mecha::text {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Suffix {
  bool binary = false;
  int exponent = 0;  // of 2 or of 10
};

std::optional<Suffix> suffix_of(std::string_view s) {
  struct Entry {
    std::string_view name;
    Suffix value;
  };
  static constexpr std::array<Entry, 16> kSuffixes{{
      {"", {false, 0}}, {"n", {false, -9}}, {"u", {false, -6}}, {"m", {false, -3}},
      {"k", {false, 3}}, {"M", {false, 6}}, {"G", {false, 9}}, {"T", {false, 12}},
      {"P", {false, 15}}, {"E", {false, 18}}, {"Ki", {true, 10}}, {"Mi", {true, 20}},
      {"Gi", {true, 30}}, {"Ti", {true, 40}}, {"Pi", {true, 50}}, {"Ei", {true, 60}},
  }};
  for (const auto& entry : kSuffixes) {
    if (entry.name == s) return entry.value;
  }
  if (s.size() > 1 && (s[0] == 'e' || s[0] == 'E')) {
    const auto exponent = to_int(s.substr(1));
    if (exponent && *exponent >= -1000 && *exponent <= 1000) return Suffix{false, static_cast<int>(*exponent)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> to_int(std::string_view s) {
  if (s.starts_with('+')) {
    s.remove_prefix(1);
    if (s.starts_with('-')) return std::nullopt;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> to_uint(std::string_view s) {
  if (s.starts_with('+')) s.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return value;
}

std::optional<double> to_double(std::string_view s) {
  if (s.starts_with('+')) {
    s.remove_prefix(1);
    if (s.starts_with('-')) return std::nullopt;
  }
  if (s.ends_with(')')) return std::nullopt;  // nan(...) is of C++ only
  double value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (end != s.data() + s.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    value = std::strtod(std::string(s).c_str(), nullptr);  // too small is zero, too large is an error
    if (std::isinf(value)) return std::nullopt;
    return value;
  }
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> quantity(std::string_view s) {
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t start = at;
    while (at < s.size() && is_digit(s[at])) ++at;
    return s.substr(start, at - start);
  };
  std::string_view whole = digits();
  std::string_view part;
  if (at < s.size() && s[at] == '.') {
    ++at;
    part = digits();
  }
  if (whole.empty() && part.empty()) return std::nullopt;
  while (whole.size() > 1 && whole[0] == '0') whole.remove_prefix(1);
  const auto suffix = suffix_of(s.substr(at));
  // The reference holds such a value as an integer and a power of ten, and never reduces a negative power.
  if (!suffix || whole.size() + part.size() > 18) return std::nullopt;
  std::int64_t value = to_int(std::string(whole).append(part)).value_or(0);
  if (negative) value = -value;
  if (suffix->binary) {
    const int room = 14 - static_cast<int>(whole.size()) - suffix->exponent * 3 / 10;
    if (!part.empty() || room < 0) return std::nullopt;
    return value * (std::int64_t{1} << suffix->exponent);
  }
  int scale = suffix->exponent - static_cast<int>(part.size());
  if (scale < 0) return std::nullopt;
  for (; scale > 0 && value != 0; --scale) {
    if (__builtin_mul_overflow(value, 10, &value)) return std::nullopt;
  }
  return value;
}

}  // namespace mecha::text
