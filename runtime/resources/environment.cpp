#include "runtime/resources/environment.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha {
namespace {

bool is_name_char(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_special(char c) { return std::string_view("*#$@!?-0123456789").find(c) != std::string_view::npos; }

// The name behind a `$` and how many characters it takes; no name but characters taken: bad syntax, which vanishes.
std::pair<std::string_view, std::size_t> shell_name(std::string_view s) {
  if (s[0] == '{') {
    const auto end = s.find('}');
    if (end == std::string_view::npos) return {{}, 1};
    return {s.substr(1, end - 1), end + 1};
  }
  if (is_special(s[0])) return {s.substr(0, 1), 1};
  const auto end = static_cast<std::size_t>(std::ranges::find_if_not(s, is_name_char) - s.begin());
  return {s.substr(0, end), end};
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// `count` digits of `base` at the front of `s`, which loses them.
std::optional<std::uint32_t> digits(std::string_view& s, std::size_t count, unsigned base) {
  if (s.size() < count) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : s.substr(0, count)) {
    const char lower = static_cast<char>(c | 0x20);
    const unsigned digit = c >= '0' && c <= '9'           ? static_cast<unsigned>(c - '0')
                           : lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a' + 10)
                                                          : 99;
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  s.remove_prefix(count);
  return value;
}

// The escape behind a backslash; false if it is none of Go's.
bool unescape(std::string_view& s, char quote, std::string& out) {
  if (s.empty()) return false;
  const char c = s[0];
  static constexpr std::string_view names = "abfnrtv\\", values = "\a\b\f\n\r\t\v\\";
  if (const auto at = names.find(c); at != std::string_view::npos || c == quote) {
    out += c == quote ? quote : values[at];
    s.remove_prefix(1);
    return true;
  }
  if (c >= '0' && c <= '7') {
    const auto value = digits(s, 3, 8);
    if (!value || *value > 255) return false;
    out += static_cast<char>(*value);
    return true;
  }
  s.remove_prefix(1);
  if (c == 'x') {
    const auto value = digits(s, 2, 16);
    if (value) out += static_cast<char>(*value);
    return value.has_value();
  }
  if (c != 'u' && c != 'U') return false;
  const auto value = digits(s, c == 'u' ? 4 : 8, 16);
  if (!value || *value > 0x10FFFF || (*value >= 0xD800 && *value < 0xE000)) return false;
  append_utf8(out, *value);
  return true;
}

std::size_t utf8_length(std::string_view s) {
  return static_cast<std::size_t>(std::ranges::count_if(s, [](char c) { return (c & 0xC0) != 0x80; }));
}

// One after another, because what is put in may hold the next template's name.
std::string replace_uuids(std::string text) {
  for (auto at = text.find("{uuid}"); at != std::string::npos; at = text.find("{uuid}", at)) {
    text.replace(at, 6, text::uuid());
  }
  return text;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

std::string expand_variables(std::string_view text, const Environment& environment) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const auto [name, taken] = shell_name(text.substr(i + 1));
    if (taken == 0) out += '$';
    if (!name.empty()) out += environment(std::string(name)).value_or("");
    i += taken;
  }
  return out;
}

bool may_read(std::string_view variable, const Environment& environment) {
  const auto name = text::upper(variable);
  if (name == "APP_API_TOKEN" || name.starts_with("DAPR_") || name.find(' ') != std::string::npos) return false;
  const auto allowed = environment("DAPR_ENV_KEYS").value_or("");
  if (allowed.empty()) return true;
  return std::ranges::any_of(text::split(allowed, ' '), [&](auto key) { return key == name; });
}

std::string unquote(std::string text) {
  if (text.size() < 2 || text.front() != text.back()) return text;
  const char quote = text.front();
  std::string_view inside = std::string_view(text).substr(1, text.size() - 2);
  if (quote == '`') {
    if (inside.find('`') != std::string_view::npos) return text;
    return text::replace_all(inside, "\r", "");
  }
  if (quote != '"' && quote != '\'') return text;
  std::string out;
  std::size_t characters = 0;
  while (!inside.empty()) {
    const char c = inside[0];
    if (c == '\n' || c == quote) return text;
    const bool escaped = c == '\\';
    inside.remove_prefix(1);
    if (escaped) {
      if (!unescape(inside, quote, out)) return text;
      ++characters;
    } else {
      out += c;
    }
  }
  if (quote == '\'' && (characters > 1 || utf8_length(out) != 1)) return text;
  return out;
}

Templates make_templates(std::string app_id, const Environment& environment) {
  return {
      .app_id = std::move(app_id),
      .name_space = environment("NAMESPACE").value_or("default"),
      .pod_name = environment("POD_NAME").value_or(""),
  };
}

Result<std::string> fill_templates(std::string_view property, std::string text, const Templates& templates) {
  if (text.find('{') == std::string::npos) return text;
  text = replace_uuids(std::move(text));
  if (text.find("{podName}") != std::string::npos) {
    if (templates.pod_name.empty()) {
      return fail(
          Code::failed_precondition,
          "failed to parse metadata: property " + std::string(property) + " refers to {podName} but podName is not set"
      );
    }
    text = text::replace_all(text, "{podName}", templates.pod_name);
  }
  text = text::replace_all(text, "{namespace}", templates.name_space + "." + templates.app_id);
  return text::replace_all(text, "{appID}", templates.app_id);
}

}  // namespace mecha
