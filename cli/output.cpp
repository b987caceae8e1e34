#include "cli/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "runtime/base/file.hpp"
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

bool shows_colours(int file) {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return ::isatty(file) == 1 && (refused == nullptr || *refused == '\0') && !dumb;
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
  errno = 0;
  if (std::fwrite(out.data(), 1, out.size(), stdout) == out.size() && std::fflush(stdout) == 0) return 0;
  const int why = errno;
  if (why == EPIPE) return 1;  // whoever read has seen enough
  return print_failure(form, {.code = Code::internal, .message = "the answer cannot be written: " + system_message(why) + "\n  remedy: is the disk full, or standard output closed?"});
}

std::pair<std::string, std::string> cut_remedy(const std::string& text) {
  constexpr std::string_view kMark = "\n  remedy: ";
  const auto mark = text.find(kMark);
  if (mark == std::string::npos) return {text, ""};
  return {text.substr(0, mark), text.substr(mark + kMark.size())};
}

int print_failure(std::string_view form, const Error& error) {
  auto [text, advice] = cut_remedy(error.message);
  if (form == "json" || form == "yaml") {
    const json::Value value(json::Object{{"error", text}, {"code", code_name(error.code)}, {"remedy", advice}});
    std::fputs((form == "json" ? to_pretty_json(value) : to_yaml(value)).c_str(), stderr);
  } else {
    const bool red = shows_colours(STDERR_FILENO);
    std::fprintf(stderr, "%serror:%s %s\n", red ? "\x1b[31m" : "", red ? "\x1b[0m" : "", error.message.c_str());
  }
  return 1;
}

void print_warning(std::string_view form, const std::string& text) {
  if (form != "json" && form != "yaml") {
    std::fprintf(stderr, "warning: %s\n", text.c_str());
    return;
  }
  auto [what, advice] = cut_remedy(text);
  const json::Value value(json::Object{{"warning", what}, {"remedy", advice}});
  std::fputs((form == "json" ? json::write(value, json::Dialect::fast) + "\n" : to_yaml(value)).c_str(), stderr);
}

std::string form_of(const std::vector<std::string>& arguments) {
  std::string form = "table";
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string_view word = arguments[i];
    if ((word == "-o" || word == "--output") && i + 1 < arguments.size()) form = arguments[i + 1];
    else if (word.starts_with("--output=")) form = word.substr(9);
    else if (word.starts_with("-o") && word.size() > 2) form = word.substr(word[2] == '=' ? 3 : 2);
  }
  return form;
}

bool colours() {
  static const bool on = shows_colours(STDOUT_FILENO);
  return on;
}

std::string paint(int colour, std::string_view text) {
  if (!colours()) return std::string(text);
  return "\x1b[" + std::to_string(colour) + "m" + std::string(text) + "\x1b[0m";
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t least = std::max<std::size_t>(word.size() < 4 ? 1 : 2, word.size() / 3) + 1;
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
