#include "cli/dotenv.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/read_all.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

std::unexpected<Error> wrong(const std::string& file, int line, std::string_view what) {
  return fail(Code::invalid_argument, file + ":" + std::to_string(line) + ": " + std::string(what));
}

bool is_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.')) return false;
  }
  return true;
}

// The value behind the sign of equality; empty if a quote is not closed.
std::optional<std::string> value_of(std::string_view rest) {
  rest = text::trim(rest);
  if (rest.empty() || (rest[0] != '"' && rest[0] != '\'')) {
    if (rest.starts_with("#")) return "";
    return std::string(text::trim(rest.substr(0, rest.find(" #"))));
  }
  std::string value;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == rest[0]) return value;
    if (rest[0] == '"' && rest[i] == '\\' && i + 1 < rest.size()) {
      const char next = rest[++i];
      value += next == 'n' ? '\n' : next == 't' ? '\t' : next;
    } else {
      value += rest[i];
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Variables> parse_dotenv(std::string_view text, const std::string& file) {
  Variables all;
  int number = 0;
  for (auto line : text::split(text, '\n')) {
    ++number;
    line = text::trim(line);
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("export ")) line = text::trim(line.substr(7));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return wrong(file, number, "a line is NAME=value, got " + text::quote(line));
    const auto name = text::trim(line.substr(0, equals));
    if (!is_name(name)) return wrong(file, number, text::quote(name) + " is no name of a variable: letters, digits and _ are");
    auto value = value_of(line.substr(equals + 1));
    if (!value) return wrong(file, number, "the quote of " + std::string(name) + " is not closed on its line");
    all[std::string(name)] = *std::move(value);
  }
  return all;
}

Result<Variables> read_dotenv(const std::string& file, bool required) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    if (required) return fail(Code::not_found, "the file of variables " + file + " cannot be read");
    return Variables{};
  }
  MECHA_TRY(auto all, parse_dotenv(read_all(in), file));
  std::erase_if(all, [](const auto& entry) { return std::getenv(entry.first.c_str()) != nullptr; });
  return all;
}

}  // namespace mecha::cli
