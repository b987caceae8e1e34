#include "components/state/redis_query.hpp"

#include <cctype>

#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

using redis::Command;

std::unexpected<Error> wrong(std::string text) { return fail(Code::invalid_argument, std::move(text)); }

// The words of a text. Its punctuation parts them in the index too; in a query it would be an operator.
std::string words(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') out += c;
    out += byte < 0x80 && !std::isalnum(byte) && c != '_' && c != '\\' ? ' ' : c;
  }
  return out;
}

// Of a text without a word nothing is left to search for, which the module takes for an error of the whole query.
bool has_words(std::string_view words) { return words.find_first_not_of(' ') != std::string_view::npos; }

// A clause that no record meets.
std::string nothing(const std::string& name) { return "(" + name + ":(x) -" + name + ":(x))"; }

// One of several texts: a word that the module leaves out would else take the words beside it along.
std::string together(std::string words) { return words.find(' ') == std::string::npos ? words : "(" + words + ")"; }

class Translator {
 public:
  explicit Translator(const QueryIndex& index) : index_(index) {}

  Result<std::string> variable(std::string_view path) const {
    for (std::size_t i = 0; i < index_.entries.size(); ++i) {
      if (index_.entries[i].key == path) return "var" + std::to_string(i);
    }
    return wrong("JSON path " + text::quote(path) + " is not indexed");
  }

  Result<std::string> filter(const json::Value& unit) const {
    const auto& [op, value] = *unit.as_object().begin();
    if (op == "AND" || op == "OR") return group(value.as_array(), op == "AND" ? " " : "|");
    const auto& [path, operand] = *value.as_object().begin();
    MECHA_TRY(const auto name, variable(path));
    if (op == "IN") return any_of("@" + name, operand.as_array());
    if (op == "EQ") return equal("@" + name, operand);
    if (op == "NEQ") {
      MECHA_TRY(const auto same, equal("@" + name, operand));
      return "(-" + same + ")";
    }
    return range(op, "@" + name, operand);
  }

 private:
  Result<std::string> group(const json::Array& units, std::string_view separator) const {
    std::string out = "(";
    for (const auto& unit : units) {
      MECHA_TRY(const auto part, filter(unit));
      if (out.size() > 1) out += separator;
      // A name before a parenthesis would hold for all that follows.
      out += part.starts_with('(') ? part : "(" + part + ")";
    }
    return out + ")";
  }

  static Result<std::string> equal(std::string name, const json::Value& value) {
    if (value.is_string()) {
      const auto text = words(value.as_string());
      return has_words(text) ? name + ":(" + text + ")" : nothing(name);
    }
    if (value.is_number()) return name + ":[" + value.number_text() + " " + value.number_text() + "]";
    return wrong("unsupported type of value " + json::write(value));
  }

  static Result<std::string> any_of(const std::string& name, const json::Array& values) {
    if (values.size() < 2) return wrong("too few values in IN filter: at least two are needed");
    std::string terms, ranges;
    for (const auto& value : values) {
      MECHA_TRY(const auto part, equal(name, value));
      if (value.is_string()) {
        auto text = words(value.as_string());
        if (has_words(text)) terms.append(terms.empty() ? "" : "|").append(together(std::move(text)));
        continue;
      }
      ranges.append(ranges.empty() ? "" : "|").append(part);
    }
    if (terms.empty()) return ranges.empty() ? nothing(name) : "(" + ranges + ")";
    const auto texts = name + ":(" + terms + ")";
    return ranges.empty() ? texts : "((" + texts + ")|" + ranges + ")";
  }

  static Result<std::string> range(std::string_view op, std::string name, const json::Value& value) {
    if (!value.is_number()) return wrong("unsupported type of value " + json::write(value) + "; expected numeric");
    const auto& number = value.number_text();
    if (op == "GT") return name + ":[(" + number + " +inf]";
    if (op == "GTE") return name + ":[" + number + " +inf]";
    if (op == "LT") return name + ":[-inf (" + number + "]";
    return name + ":[-inf " + number + "]";
  }

  const QueryIndex& index_;
};

Result<const QueryIndex*> find_index(const std::vector<QueryIndex>& indexes, const Metadata& metadata) {
  const auto name = metadata.find("queryIndexName");
  if (name == metadata.end()) return wrong("query index not found");
  for (const auto& index : indexes) {
    if (index.name == name->second) return &index;
  }
  return wrong("query index schema " + text::quote(name->second) + " not found");
}

Result<void> add_sort(Command& command, const Translator& translator, const json::Value& sort) {
  if (sort.as_array().empty()) return {};
  if (sort.as_array().size() > 1) return wrong("multiple sort keys are not supported");
  const auto& key = sort.as_array().front();
  const auto* path = key.find_nocase("key");
  MECHA_TRY(const auto name, translator.variable(path ? path->as_string() : std::string()));
  command.add("SORTBY").add(name);
  const auto* order = key.find_nocase("order");
  if (order && !order->as_string().empty()) command.add(order->as_string());
  return {};
}

Result<void> add_page(Search& search, const json::Value& page) {
  const auto* limit = page.find_nocase("limit");
  const auto* token = page.find_nocase("token");
  if (token && !token->as_string().empty()) {
    const auto offset = text::to_uint(token->as_string());
    if (!offset) return wrong("invalid token " + text::quote(token->as_string()));
    search.offset = *offset;
  }
  if (limit && *limit->as_int() > 0) {
    search.limited = true;
    search.command.add("LIMIT").add(static_cast<std::int64_t>(search.offset)).add(*limit->as_int());
  }
  return {};
}

}  // namespace

Result<std::vector<QueryIndex>> parse_query_indexes(std::string_view text) {
  std::vector<QueryIndex> list;
  if (text.empty()) return list;
  MECHA_TRY(const auto root, json::parse(text, true));
  if (!root.is_array()) return wrong("a list of indexes is expected");
  for (const auto& entry : root.as_array()) {
    QueryIndex index{.name = std::string(entry.text("name"))};
    const auto* fields = entry.find("indexes");
    if (index.name.empty() || !fields || !fields->is_array()) return wrong("an index needs name and indexes");
    for (const auto& field : fields->as_array()) {
      index.entries.push_back({std::string(field.text("key")), std::string(field.text("type"))});
      if (index.entries.back().key.empty() || index.entries.back().type.empty()) {
        return wrong("each entry of index " + index.name + " needs key and type");
      }
    }
    list.push_back(std::move(index));
  }
  return list;
}

Command create_index(const QueryIndex& index) {
  Command command("FT.CREATE", index.name, "ON", "JSON", "SCHEMA");
  for (std::size_t i = 0; i < index.entries.size(); ++i) {
    command.add("$.data." + index.entries[i].key).add("AS").add("var" + std::to_string(i));
    command.add(index.entries[i].type).add("SORTABLE");
  }
  return command;
}

Result<Search> make_search(
    const std::vector<QueryIndex>& indexes, const json::Value& query, const Metadata& metadata
) {
  MECHA_TRY(const auto* index, find_index(indexes, metadata));
  const Translator translator(*index);
  std::string text = "*";
  if (const auto* filter = query.find("filter")) {
    MECHA_TRY(text, translator.filter(*filter));
  }
  Search search{.command = Command("FT.SEARCH", index->name, text, "RETURN", 2, "$.data", "$.version")};
  if (const auto* sort = query.find("sort")) MECHA_TRY_VOID(add_sort(search.command, translator, *sort));
  if (const auto* page = query.find("page")) MECHA_TRY_VOID(add_page(search, *page));
  return search;
}

Result<QueryResult> read_search(redis::Reply reply, const Search& search) {
  QueryResult result;
  for (std::size_t i = 1; i + 1 < reply.items.size(); i += 2) {
    QueryItem item{.key = std::move(reply.items[i].text)};
    auto& fields = reply.items[i + 1].items;
    for (std::size_t f = 0; f + 1 < fields.size(); f += 2) {
      if (fields[f].text == "$.data") item.data = std::move(fields[f + 1].text);
      else if (fields[f].text == "$.version") item.etag = fields[f + 1].as_text();
    }
    result.results.push_back(std::move(item));
  }
  if (search.limited && !result.results.empty()) {
    result.token = std::to_string(search.offset + result.results.size());
  }
  return result;
}

std::string to_glob(std::string_view like_pattern) {
  std::string glob;
  for (std::size_t i = 0; i < like_pattern.size(); ++i) {
    char c = like_pattern[i];
    if (c == '%' || c == '_') {
      // One character may be several bytes: any text is found, and the caller looks again.
      if (glob.empty() || glob.back() != '*' || (glob.size() > 1 && glob[glob.size() - 2] == '\\')) glob += '*';
      continue;
    }
    if (c == '\\' && i + 1 < like_pattern.size()) c = like_pattern[++i];
    if (std::string_view("*?[]\\^-").find(c) != std::string_view::npos) glob += '\\';
    glob += c;
  }
  return glob;
}

}  // namespace mecha::state
