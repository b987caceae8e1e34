#include "cli/dotenv.hpp"

#include <cstdlib>
#include <expected>
#include <filesystem>
#include <fstream>

#include "cli/read_all.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

std::unexpected<Error> wrong(const std::string& file, int line, std::string_view what) {
  return fail(Code::invalid_argument, file + ":" + std::to_string(line) + ": " + std::string(what));
}

// In quotes, a long text cut.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 60;
  return text::quote(text.substr(0, kMost)) + (text.size() > kMost ? "..." : "");
}

bool is_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.')) return false;
  }
  return true;
}

// The value behind the sign of equality, or what is wrong with it.
std::expected<std::string, std::string> value_of(std::string_view rest) {
  rest = text::trim(rest);
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) {
    if (rest.starts_with("#")) return std::string();
    return std::string(text::trim(rest.substr(0, rest.find(" #"))));
  }
  std::string value;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == rest[0]) {
      const auto behind = text::trim(rest.substr(i + 1));
      if (behind.empty() || behind[0] == '#') return value;
      return std::unexpected(std::string("has text behind its closing quote"));
    }
    if (rest[0] == '"' && rest[i] == '\\' && i + 1 < rest.size()) {
      const char next = rest[++i];
      value += next == 'n' ? '\n' : next == 't' ? '\t' : next;
    } else {
      value += rest[i];
    }
  }
  return std::unexpected(std::string("has a quote that is not closed on its line"));
}

}  // namespace

Result<Variables> parse_dotenv(std::string_view text, const std::string& file) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.find('\0') != std::string_view::npos) return fail(Code::invalid_argument, file + " is no text file\n  remedy: name a file of NAME=value lines");
  Variables all;
  int number = 0;
  for (auto line : text::split(text, '\n')) {
    ++number;
    line = text::trim(line);
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("export ")) line = text::trim(line.substr(7));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return wrong(file, number, "a line is NAME=value, got " + shown(line));
    const auto name = text::trim(line.substr(0, equals));
    if (!is_name(name)) return wrong(file, number, shown(name) + " is no name of a variable: letters, digits and _ are");
    auto value = value_of(line.substr(equals + 1));
    if (!value) return wrong(file, number, "the value of " + std::string(name) + " " + value.error());
    all[std::string(name)] = *std::move(value);
  }
  return all;
}

Result<Variables> read_dotenv(const std::string& file, bool required) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    if (required) return fail(Code::not_found, "the file of variables " + file + " cannot be read\n  remedy: make it, or correct the path; it has lines NAME=value");
    return Variables{};
  }
  MECHA_TRY(auto all, parse_dotenv(read_all(in), file));
  std::erase_if(all, [](const auto& entry) { return std::getenv(entry.first.c_str()) != nullptr; });
  return all;
}

}  // namespace mecha::cli
