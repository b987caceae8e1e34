#include "runtime/resources/yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::yaml {
namespace {

using Kind = Node::Kind;
constexpr std::string_view kPrefix = "tag:yaml.org,2002:";

Node scalar(Kind kind, std::string value) { return Node{.kind = kind, .value = std::move(value)}; }

template <std::size_t N>
bool any_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

std::optional<bool> boolean(std::string_view text) {
  static constexpr std::array<std::string_view, 11> yes{
      "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
  static constexpr std::array<std::string_view, 11> no{
      "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
  if (any_of(text, yes)) return true;
  if (any_of(text, no)) return false;
  return std::nullopt;
}

bool is_null(std::string_view text) {
  static constexpr std::array<std::string_view, 5> words{"", "~", "null", "Null", "NULL"};
  return any_of(text, words);
}

bool not_finite(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  static constexpr std::array<std::string_view, 6> words{".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};
  return any_of(text, words);
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

// A whole number of 64 bits, signed or not, base by prefix: 0x, 0o, 0b, or a leading 0 for octal. Decimal text.
std::optional<std::string> whole(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  unsigned base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto d = static_cast<unsigned>(digit(c));
    if (d >= base || value > (std::numeric_limits<std::uint64_t>::max() - d) / base) return std::nullopt;
    value = value * base + d;
  }
  if (negative && value > std::uint64_t{1} << 63) return std::nullopt;
  return (negative && value != 0 ? "-" : "") + std::to_string(value);
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool float_shape(std::string_view s) {
  const auto digits = [&s] {
    std::size_t n = 0;
    while (n < s.size() && s[n] >= '0' && s[n] <= '9') ++n;
    s.remove_prefix(n);
    return n > 0;
  };
  const auto sign = [&s] {
    if (s.starts_with('+') || s.starts_with('-')) s.remove_prefix(1);
  };
  sign();
  if (s.starts_with('.')) {
    s.remove_prefix(1);
    if (!digits()) return false;
  } else {
    if (!digits()) return false;
    if (s.starts_with('.')) {
      s.remove_prefix(1);
      digits();
    }
  }
  if (s.starts_with('e') || s.starts_with('E')) {
    s.remove_prefix(1);
    sign();
    if (!digits()) return false;
  }
  return s.empty();
}

std::optional<Node> number(std::string_view text) {
  if (text.empty() || (digit(text[0]) > 9 && text[0] != '+' && text[0] != '-' && text[0] != '.')) return std::nullopt;
  const std::string plain = text::replace_all(text, "_", "");
  if (auto value = whole(plain)) return scalar(Kind::number, std::move(*value));
  if (!float_shape(plain)) return std::nullopt;
  const auto value = text::to_double(plain.starts_with('+') ? plain.substr(1) : plain);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return scalar(Kind::number, json::format_double(*value));
}

Result<Node> plain(std::string_view text) {
  if (is_null(text)) return Node{};
  if (const auto value = boolean(text)) return scalar(Kind::boolean, *value ? "true" : "false");
  if (not_finite(text)) return fail(Code::invalid_argument, "json: unsupported value: " + std::string(text));
  if (auto value = number(text)) return *std::move(value);
  return scalar(Kind::text, std::string(text));
}

}  // namespace

Result<Node> resolve_scalar(std::string_view text, std::string_view tag) {
  if (tag == "?" || tag.empty()) return plain(text);
  if (!tag.starts_with(kPrefix)) return scalar(Kind::text, std::string(text));
  tag.remove_prefix(kPrefix.size());
  if (tag == "binary") {
    std::string packed;
    for (const char c : text) {
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') packed += c;
    }
    auto bytes = text::from_base64(packed);
    if (!bytes) return fail(Code::invalid_argument, "!!binary value contains invalid base64 data");
    return scalar(Kind::text, std::move(*bytes));
  }
  if (tag != "int" && tag != "float" && tag != "bool" && tag != "null") return scalar(Kind::text, std::string(text));
  MECHA_TRY(auto node, plain(text));
  const Kind wanted = tag == "bool" ? Kind::boolean : tag == "null" ? Kind::null : Kind::number;
  if (node.kind != wanted) {
    return fail(Code::invalid_argument, "cannot decode `" + std::string(text) + "` as a !!" + std::string(tag));
  }
  return node;
}

}  // namespace mecha::yaml
