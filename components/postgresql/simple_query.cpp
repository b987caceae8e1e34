#include "components/postgresql/simple_query.hpp"

#include <string_view>

#include "runtime/base/text.hpp"

namespace mecha::postgresql {
namespace {

// The same in every session, whatever it thinks of backslashes.
std::string quoted(std::string_view value) {
  std::string out = " E'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

// Between blanks or parentheses, so that it joins no character before it.
std::string literal(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return "(" + std::to_string(*number) + ")";
  if (const auto* words = std::get_if<std::string>(&value)) return quoted(*words);
  if (const auto* bytes = std::get_if<Bytes>(&value)) return quoted("\\x" + text::hex(bytes->bytes));
  return " NULL ";
}

// The length of the quoted text, quoted name or comment that begins here; 0 if none does. `before` is the character before it.
std::size_t closed_part(std::string_view rest, char before) {
  const auto up_to = [&](std::string_view end, std::size_t from) {
    const auto at = rest.find(end, from);
    return at == std::string_view::npos ? rest.size() : at + end.size();
  };
  if (rest.starts_with("--")) return up_to("\n", 2);
  if (rest.starts_with("/*")) return up_to("*/", 2);
  if (rest.front() == '"') return up_to("\"", 1);
  if (rest.front() != '\'') return 0;
  const bool backslashes = before == 'E' || before == 'e';
  std::size_t i = 1;
  while (i < rest.size() && rest[i] != '\'') i += backslashes && rest[i] == '\\' ? 2 : 1;
  return std::min(i + 1, rest.size());
}

}  // namespace

std::string with_values(const Statement& statement) {
  const std::string_view sql = statement.sql;
  std::string out;
  for (std::size_t i = 0; i < sql.size();) {
    if (const auto length = closed_part(sql.substr(i), i == 0 ? ' ' : sql[i - 1]); length > 0) {
      out += sql.substr(i, length);
      i += length;
      continue;
    }
    std::size_t end = i + 1;
    while (sql[i] == '$' && end < sql.size() && sql[end] >= '0' && sql[end] <= '9') ++end;
    const auto number = end > i + 1 ? text::to_uint(sql.substr(i + 1, end - i - 1)) : std::nullopt;
    if (number && *number >= 1 && *number <= statement.params.size()) out += literal(statement.params[*number - 1]);
    else out += sql.substr(i, end - i);
    i = end;
  }
  return out;
}

}  // namespace mecha::postgresql
