#include "cli/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

// Signs on the screen: bytes that begin a character.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string scalar(const json::Value& value) {
  if (!value.is_string()) return json::write(value);
  const auto& text = value.as_string();
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./ ";
  static constexpr std::string_view kWords[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  const bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string::npos && std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
                     text.back() != ' ' && std::ranges::find(kWords, text::lower(text)) == std::end(kWords);
  return plain ? text : json::write(value);
}

bool is_block(const json::Value& value) {
  return (value.is_object() && !value.as_object().empty()) || (value.is_array() && !value.as_array().empty());
}

void block(const json::Value& value, std::size_t indent, std::string& out) {
  const auto put = [&](std::string head, const json::Value& inner) {
    out += std::string(indent, ' ') + std::move(head);
    if (!is_block(inner)) {
      out += " " + scalar(inner) + "\n";
      return;
    }
    out += "\n";
    block(inner, indent + 2, out);
  };
  if (value.is_object()) {
    for (const auto& [name, inner] : value.as_object()) put(scalar(json::Value(name)) + ":", inner);
  } else {
    for (const auto& inner : value.as_array()) put("-", inner);
  }
}

void pretty(const json::Value& value, std::size_t indent, std::string& out) {
  if (!is_block(value)) {
    out += json::write(value, json::Dialect::fast);
    return;
  }
  const std::string pad(indent + 2, ' ');
  bool first = true;
  const auto next = [&] {
    out += first ? "\n" : ",\n";
    first = false;
    out += pad;
  };
  out += value.is_object() ? "{" : "[";
  if (value.is_object()) {
    for (const auto& [name, inner] : value.as_object()) {
      next();
      json::write_string(out, name, false);
      out += ": ";
      pretty(inner, indent + 2, out);
    }
  } else {
    for (const auto& inner : value.as_array()) {
      next();
      pretty(inner, indent + 2, out);
    }
  }
  out += "\n" + std::string(indent, ' ') + (value.is_object() ? "}" : "]");
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
    }
  }
  return row[b.size()];
}

}  // namespace

std::string format(const Table& table) {
  std::vector<std::size_t> widths;
  const auto measure = [&](const std::vector<std::string>& row) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  };
  measure(table.titles);
  for (const auto& row : table.rows) measure(row);
  std::string out;
  const auto put = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - width(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  if (!table.titles.empty()) put(table.titles);
  for (const auto& row : table.rows) put(row);
  return out;
}

std::string to_yaml(const json::Value& value) {
  if (!is_block(value)) return scalar(value) + "\n";
  std::string out;
  block(value, 0, out);
  return out;
}

std::string to_pretty_json(const json::Value& value) {
  std::string out;
  pretty(value, 0, out);
  return out + "\n";
}

int print(std::string_view form, const json::Value& value, const std::string& text) {
  const auto out = form == "json" ? to_pretty_json(value) : form == "yaml" ? to_yaml(value) : text;
  const bool written = std::fwrite(out.data(), 1, out.size(), stdout) == out.size();
  return written && std::fflush(stdout) == 0 ? 0 : 1;
}

int print_failure(std::string_view form, const Error& error) {
  if (form == "json" || form == "yaml") {
    const json::Value value(json::Object{{"error", error.message}, {"code", code_name(error.code)}});
    std::fputs((form == "json" ? to_pretty_json(value) : to_yaml(value)).c_str(), stderr);
  } else {
    const bool red = ::isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    std::fprintf(stderr, "%serror:%s %s\n", red ? "\x1b[31m" : "", red ? "\x1b[0m" : "", error.message.c_str());
  }
  return 1;
}

bool colours() {
  static const bool on = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return on;
}

std::string paint(int colour, std::string_view text) {
  if (!colours()) return std::string(text);
  return "\x1b[" + std::to_string(colour) + "m" + std::string(text) + "\x1b[0m";
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& name : names) {
    const auto differ = distance(text::lower(word), text::lower(name));
    if (differ < least) {
      least = differ;
      best = name;
    }
  }
  return best;
}

}  // namespace mecha::cli
