#include "components/state/postgresql_query.hpp"

#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

std::unexpected<Error> wrong(std::string text) { return fail(Code::invalid_argument, std::move(text)); }

std::string column(std::string_view path) {
  const auto parts = text::split(path, '.');
  std::string out = "value";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    out += (i + 1 == parts.size() ? "->>'" : "->'") + text::replace_all(parts[i], "'", "''") + "'";
  }
  return out;
}

class Translator {
 public:
  explicit Translator(postgresql::Params& params) : params_(params) {}

  Result<std::string> filter(const json::Value& unit) {
    const auto& [op, value] = *unit.as_object().begin();
    if (op == "AND" || op == "OR") return group(value.as_array(), op == "AND" ? " AND " : " OR ");
    const auto& [path, operand] = *value.as_object().begin();
    if (op == "IN") return any_of(path, operand.as_array());
    if (op == "EQ") return compare(column(path), "=", operand);
    if (op == "NEQ") return compare(column(path), "!=", operand);
    if (operand.is_string()) return wrong("unsupported type of value " + operand.as_string() + "; string type not permitted");
    return compare(column(path), op == "GT" ? ">" : op == "GTE" ? ">=" : op == "LT" ? "<" : "<=", operand);
  }

 private:
  Result<std::string> group(const json::Array& units, std::string_view separator) {
    std::string out;
    for (const auto& unit : units) {
      MECHA_TRY(const auto part, filter(unit));
      if (!out.empty()) out += separator;
      out += part;
    }
    return "(" + out + ")";
  }

  Result<std::string> any_of(const std::string& path, const json::Array& values) {
    if (values.empty()) return wrong("empty IN operator for key " + text::quote(path));
    const auto left = column(path);
    std::string out;
    for (const auto& value : values) out += (out.empty() ? "" : " OR ") + compare(left, "=", value);
    return "(" + out + ")";
  }

  // Numbers have the text that the store itself writes.
  std::string compare(const std::string& left, std::string_view op, const json::Value& value) {
    params_.emplace_back(value.is_string() ? value.as_string() : json::write(value));
    return left + std::string(op) + "$" + std::to_string(params_.size());
  }

  postgresql::Params& params_;
};

Result<std::string> order_by(const json::Value& sort) {
  std::string out;
  for (const auto& key : sort.as_array()) {
    const auto* path = key.find_nocase("key");
    const auto* order = key.find_nocase("order");
    const std::string word = order == nullptr ? std::string() : text::upper(order->as_string());
    if (!word.empty() && word != "ASC" && word != "DESC") return wrong("unsupported order of sorting " + text::quote(order->as_string()));
    out += (out.empty() ? " ORDER BY " : ", ") + column(path == nullptr ? std::string() : path->as_string()) + (word.empty() ? "" : " " + word);
  }
  return out;
}

Result<void> add_page(PostgresQuery& made, const json::Value& page) {
  const auto* limit = page.find_nocase("limit");
  if (limit != nullptr && *limit->as_int() > 0) {
    made.limited = true;
    made.statement.sql += " LIMIT " + std::to_string(*limit->as_int());
  }
  const auto* token = page.find_nocase("token");
  if (token == nullptr || token->as_string().empty()) return {};
  MECHA_TRY(made.offset, parse_integer(token->as_string(), "ParseInt"));
  if (made.offset < 0) return wrong("invalid token " + text::quote(token->as_string()));
  made.statement.sql += " OFFSET " + std::to_string(made.offset);
  return {};
}

}  // namespace

Result<PostgresQuery> make_postgres_query(std::string_view select, const json::Value& query) {
  PostgresQuery made;
  made.statement = {.sql = std::string(select), .params = {}, .binary = true};
  if (const auto* filter = query.find("filter")) {
    MECHA_TRY(const auto condition, Translator(made.statement.params).filter(*filter));
    made.statement.sql += " WHERE " + condition;
  }
  if (const auto* sort = query.find("sort")) {
    MECHA_TRY(const auto order, order_by(*sort));
    made.statement.sql += order;
  }
  if (const auto* page = query.find("page")) MECHA_TRY_VOID(add_page(made, *page));
  return made;
}

}  // namespace mecha::state
