#include "components/state/mongodb_query.hpp"

#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

using mongodb::Document;

std::unexpected<Error> wrong(std::string text) { return fail(Code::invalid_argument, std::move(text)); }

Result<Document> make_filter(const json::Value& unit) {
  const auto& [op, value] = *unit.as_object().begin();
  Document filter;
  if (op == "AND" || op == "OR") {
    std::vector<Document> parts;
    for (const auto& one : value.as_array()) {
      MECHA_TRY(auto part, make_filter(one));
      parts.push_back(std::move(part));
    }
    filter.array(op == "AND" ? "$and" : "$or", parts);
    return filter;
  }
  const auto& [path, operand] = *value.as_object().begin();
  if (op == "IN" && operand.as_array().empty()) return wrong("empty IN operator for key " + text::quote(path));
  const auto name = op == "EQ" ? "$eq" : op == "NEQ" ? "$ne" : op == "IN" ? "$in" : op == "GT" ? "$gt" : op == "GTE" ? "$gte" : op == "LT" ? "$lt" : "$lte";
  filter.document("value." + path, Document().json(name, operand));
  return filter;
}

Result<Document> make_order(const json::Value& sort) {
  Document order;
  for (const auto& key : sort.as_array()) {
    const auto* path = key.find_nocase("key");
    const auto* way = key.find_nocase("order");
    const std::string word = way == nullptr ? std::string() : text::upper(way->as_string());
    if (!word.empty() && word != "ASC" && word != "DESC") return wrong("unsupported order of sorting " + text::quote(way->as_string()));
    order.number("value." + (path == nullptr ? std::string() : path->as_string()), word == "DESC" ? -1 : 1);
  }
  return order;
}

Result<void> add_page(MongoQuery& made, const json::Value& page) {
  const auto* limit = page.find_nocase("limit");
  if (limit != nullptr && *limit->as_int() > 0) {
    made.limited = true;
    made.options.number("limit", *limit->as_int());
  }
  const auto* token = page.find_nocase("token");
  if (token == nullptr || token->as_string().empty()) return {};
  MECHA_TRY(made.offset, parse_integer(token->as_string(), "ParseInt"));
  if (made.offset < 0) return wrong("invalid token " + text::quote(token->as_string()));
  made.options.number("skip", made.offset);
  return {};
}

}  // namespace

Result<MongoQuery> make_mongo_query(const json::Value& query) {
  MongoQuery made;
  if (const auto* filter = query.find("filter")) {
    MECHA_TRY(made.filter, make_filter(*filter));
  }
  if (const auto* sort = query.find("sort"); sort != nullptr && !sort->as_array().empty()) {
    MECHA_TRY(const auto order, make_order(*sort));
    made.options.document("sort", order);
  }
  if (const auto* page = query.find("page")) MECHA_TRY_VOID(add_page(made, *page));
  return made;
}

}  // namespace mecha::state
