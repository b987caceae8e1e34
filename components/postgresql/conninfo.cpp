#include "components/postgresql/conninfo.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include <libpq-fe.h>

#include "runtime/base/text.hpp"

namespace mecha::postgresql {
namespace {

std::unexpected<Error> wrong(std::string_view why) {
  return fail(Code::invalid_argument, "invalid connectionString: " + std::string(why));
}

bool is_known(const std::string& keyword) {
  static const std::vector<std::string> known = [] {
    std::vector<std::string> names;
    PQconninfoOption* const list = PQconndefaults();
    for (const auto* option = list; option != nullptr && option->keyword != nullptr; ++option) names.emplace_back(option->keyword);
    PQconninfoFree(list);
    return names;
  }();
  return std::ranges::find(known, keyword) != known.end();
}

// One word among the `options` of a session: blanks and backslashes are escaped.
std::string session_setting(std::string_view name, std::string_view value) {
  std::string out = "-c ";
  for (const char c : std::string(name) + "=" + std::string(value)) {
    if (c == ' ' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void add(Words& words, std::string keyword, std::string value) {
  if (keyword == "database") keyword = "dbname";
  if (is_known(keyword) || keyword.starts_with("pool_") || keyword == "default_query_exec_mode") {
    words.set(keyword, std::move(value));
    return;
  }
  // Of the caches of the reference's driver; ours has a bound of its own.
  if (keyword == "statement_cache_capacity" || keyword == "description_cache_capacity") return;
  auto options = words.get("options");
  if (!options.empty()) options += ' ';
  words.set("options", options + session_setting(keyword, value));
}

// Up to the blank that ends it: between single quotes blanks are part of it, and a backslash takes the next character as it is.
Result<std::string> take_word(std::string_view& rest) {
  std::string word;
  bool quoted = false;
  while (!rest.empty() && (quoted || std::strchr(" \t\r\n", rest.front()) == nullptr)) {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == '\'') {
      quoted = !quoted;
      continue;
    }
    if (c == '\\' && !rest.empty()) {
      c = rest.front();
      rest.remove_prefix(1);
    }
    word += c;
  }
  if (quoted) return wrong("a quote is not closed");
  return word;
}

Result<Words> parse_words(std::string_view text) {
  Words words;
  for (auto rest = text::trim(text); !rest.empty(); rest = text::trim(rest)) {
    MECHA_TRY(const auto word, take_word(rest));
    const auto equals = word.find('=');
    if (equals == std::string::npos) continue;
    if (equals == 0) return wrong("a keyword is missing before =");
    add(words, word.substr(0, equals), word.substr(equals + 1));
  }
  return words;
}

struct Freed {
  void operator()(PQconninfoOption* list) const { PQconninfoFree(list); }
};

// The library reads what stands before the query, whose names it knows only in part.
Result<Words> parse_url(std::string_view text) {
  const auto question = text.find('?');
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, Freed> list(PQconninfoParse(std::string(text.substr(0, question)).c_str(), &error));
  PQfreemem(error);  // it may show a password
  if (list == nullptr) return wrong("it is no URL of PostgreSQL");
  Words words;
  for (const auto* option = list.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) words.set(option->keyword, option->val);
  }
  if (question == std::string_view::npos) return words;
  for (const auto part : text::split(text.substr(question + 1), '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) return wrong("a parameter of the URL has no name or no value");
    auto keyword = text::unescape_query(part.substr(0, equals));
    auto value = text::unescape_query(part.substr(equals + 1));
    if (!keyword || !value) return wrong("the URL is not escaped well");
    add(words, *std::move(keyword), *std::move(value));
  }
  return words;
}

}  // namespace

std::string Words::get(std::string_view keyword) const {
  const auto found = std::ranges::find(list_, keyword, [](const auto& word) -> std::string_view { return word.first; });
  return found == list_.end() ? std::string() : found->second;
}

void Words::set(std::string_view keyword, std::string value) {
  (void)take(keyword);
  list_.emplace_back(keyword, std::move(value));
}

std::string Words::take(std::string_view keyword) {
  auto value = get(keyword);
  std::erase_if(list_, [&](const auto& word) { return word.first == keyword; });
  return value;
}

Result<Words> parse_conninfo(std::string_view text) {
  if (text.starts_with("postgres://") || text.starts_with("postgresql://")) return parse_url(text);
  return parse_words(text);
}

}  // namespace mecha::postgresql
