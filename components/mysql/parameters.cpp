#include "components/mysql/parameters.hpp"

#include <algorithm>

namespace mecha::mysql {
namespace {

// The length of the quoted part or comment that begins here; 0 if none does.
std::size_t closed_part(std::string_view rest) {
  const auto up_to = [&](std::string_view end, std::size_t from) {
    const auto at = rest.find(end, from);
    return at == std::string_view::npos ? rest.size() : at + end.size();
  };
  const char first = rest.front();
  const bool dashes = rest.starts_with("--") && (rest.size() == 2 || static_cast<unsigned char>(rest[2]) <= ' ');
  if (dashes || first == '#') return up_to("\n", 1);
  if (rest.starts_with("/*")) return up_to("*/", 2);
  if (first != '\'' && first != '"' && first != '`') return 0;
  std::size_t i = 1;
  while (i < rest.size() && rest[i] != first) i += rest[i] == '\\' && first != '`' ? 2 : 1;
  return std::min(i + 1, rest.size());
}

}  // namespace

Result<std::string> with_values(std::string_view sql, const std::vector<std::string>& literals) {
  if (literals.empty()) return std::string(sql);
  std::string out;
  std::size_t marks = 0;
  for (std::size_t i = 0; i < sql.size();) {
    if (const auto length = closed_part(sql.substr(i)); length > 0) {
      out += sql.substr(i, length);
      i += length;
      continue;
    }
    if (sql[i] != '?') out += sql[i];
    else if (marks++ < literals.size()) out += literals[marks - 1];
    ++i;
  }
  if (marks == literals.size()) return out;
  return fail(Code::invalid_argument, "sql: expected " + std::to_string(marks) + " arguments, got " + std::to_string(literals.size()));
}

}  // namespace mecha::mysql
