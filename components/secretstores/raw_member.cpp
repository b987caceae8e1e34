#include "components/secretstores/raw_member.hpp"

#include <algorithm>

#include "runtime/base/json.hpp"

namespace mecha::secrets {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

void skip_blanks(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
}

// Takes a string, with its quotes.
std::string_view take_string(std::string_view& rest) {
  std::size_t end = 1;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  const auto taken = rest.substr(0, end + 1);
  rest.remove_prefix(taken.size());
  return taken;
}

// Takes what stands up to the comma or the bracket behind one value.
std::string_view take_value(std::string_view& rest) {
  const auto begun = rest;
  int depth = 0;
  while (!rest.empty()) {
    const char c = rest.front();
    if (c == '"') {
      take_string(rest);
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    rest.remove_prefix(1);
  }
  auto taken = begun.substr(0, begun.size() - rest.size());
  taken.remove_suffix(taken.size() - (taken.find_last_not_of(kBlanks) + 1));
  return taken;
}

bool is_name(std::string_view quoted, std::string_view name) {
  const auto text = json::parse(quoted);
  return text && text->is_string() && text->as_string() == name;
}

}  // namespace

std::string_view raw_member(std::string_view object, std::string_view name) {
  std::string_view found;
  skip_blanks(object);
  if (!object.starts_with('{')) return found;
  object.remove_prefix(1);
  for (skip_blanks(object); object.starts_with('"'); skip_blanks(object)) {
    const bool wanted = is_name(take_string(object), name);
    skip_blanks(object);
    if (!object.starts_with(':')) break;
    object.remove_prefix(1);
    skip_blanks(object);
    const auto value = take_value(object);
    if (wanted) found = value;
    if (!object.starts_with(',')) break;
    object.remove_prefix(1);
  }
  return found;
}

}  // namespace mecha::secrets
