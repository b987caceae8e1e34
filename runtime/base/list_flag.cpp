#include "runtime/base/list_flag.hpp"

#include <utility>

namespace mecha {

std::optional<std::vector<std::string>> split_list_flag(std::string_view value) {
  std::vector<std::string> items;
  if (value.empty()) return items;
  std::string item;
  bool quoted = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '"' && quoted && i + 1 < value.size() && value[i + 1] == '"') {
      item += c;
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      items.push_back(std::exchange(item, {}));
    } else {
      item += c;
    }
  }
  if (quoted) return std::nullopt;
  items.push_back(std::move(item));
  return items;
}

std::string list_flag_item(std::string_view item) {
  if (item.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(item);
  std::string out = "\"";
  for (const char c : item) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

}  // namespace mecha
