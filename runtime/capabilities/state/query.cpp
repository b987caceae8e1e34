#include "runtime/capabilities/state/query.hpp"

#include <string>

#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

std::unexpected<Error> wrong(std::string text) {
  return fail(Code::invalid_argument, std::move(text));
}

Result<void> check_filter(const json::Value& filter);

Result<void> check_pair(const std::string& op, const json::Value& value) {
  if (!value.is_object()) return wrong(op + " filter must be a map");
  if (value.as_object().size() != 1) {
    return wrong(op + " filter must contain a single key/value pair");
  }
  if (op == "IN" && !value.as_object().begin()->second.is_array()) {
    return wrong("IN filter value must be an array");
  }
  return {};
}

Result<void> check_group(const std::string& op, const json::Value& value) {
  if (!value.is_array()) return wrong(op + " filter must be an array");
  if (value.as_array().size() < 2) return wrong(op + " filter must contain at least two entries");
  for (const auto& entry : value.as_array()) MECHA_TRY_VOID(check_filter(entry));
  return {};
}

Result<void> check_filter(const json::Value& filter) {
  if (!filter.is_object() || filter.as_object().size() != 1) {
    return wrong("filter unit must have a single element");
  }
  const auto& [op, value] = *filter.as_object().begin();
  if (op == "AND" || op == "OR") return check_group(op, value);
  for (const auto* known : {"EQ", "NEQ", "GT", "GTE", "LT", "LTE", "IN"}) {
    if (op == known) return check_pair(op, value);
  }
  return wrong("unsupported filter " + text::quote(op));
}

Result<void> check_sort(const json::Value& sort) {
  if (!sort.is_array()) return wrong("json: cannot unmarshal into Go struct field .sort of type []query.Sorting");
  for (const auto& entry : sort.as_array()) {
    const auto* key = entry.find_nocase("key");
    const auto* order = entry.find_nocase("order");
    const bool fits = entry.is_object() && (!key || key->is_string()) && (!order || order->is_string());
    if (!fits) return wrong("json: cannot unmarshal into Go value of type query.Sorting");
  }
  return {};
}

Result<void> check_page(const json::Value& page) {
  const auto* limit = page.find_nocase("limit");
  const auto* token = page.find_nocase("token");
  const bool fits = page.is_object() && (!limit || (limit->is_number() && limit->as_int())) &&
                    (!token || token->is_string());
  if (!fits) return wrong("json: cannot unmarshal into Go struct field .page of type query.Pagination");
  return {};
}

Result<json::Value> checked(std::string_view text) {
  MECHA_TRY(auto query, json::parse(text, true));
  if (!query.is_object() && !query.is_null()) {
    return wrong("json: cannot unmarshal into Go value of type query.Query");
  }
  const auto part = [&](std::string_view name) {
    const auto* value = query.find_nocase(name);
    return value && !value->is_null() ? value : nullptr;
  };
  json::Object clean;
  if (const auto* filter = part("filter")) {
    if (!filter->is_object()) return wrong("json: cannot unmarshal into Go struct field .filter of type map[string]interface {}");
    if (!filter->as_object().empty()) {
      MECHA_TRY_VOID(check_filter(*filter));
      clean["filter"] = *filter;
    }
  }
  if (const auto* sort = part("sort")) {
    MECHA_TRY_VOID(check_sort(*sort));
    clean["sort"] = *sort;
  }
  if (const auto* page = part("page")) {
    MECHA_TRY_VOID(check_page(*page));
    clean["page"] = *page;
  }
  return json::Value(std::move(clean));
}

}  // namespace

Result<json::Value> parse_query(std::string_view text) {
  auto query = checked(text);
  if (!query) return fail(std::move(query).error().context("failed to parse JSON query body"));
  return query;
}

}  // namespace mecha::state
