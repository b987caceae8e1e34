#include "runtime/capabilities/state/query.hpp"

#include <string>

#include "runtime/base/json_read.hpp"
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
  if (!filter.is_object()) return wrong("filter unit must be a map");
  if (filter.as_object().size() != 1) return wrong("filter unit must have a single element");
  const auto& [op, value] = *filter.as_object().begin();
  if (op == "AND" || op == "OR") return check_group(op, value);
  for (const auto* known : {"EQ", "NEQ", "GT", "GTE", "LT", "LTE", "IN"}) {
    if (op == known) return check_pair(op, value);
  }
  return wrong("unsupported filter " + text::quote(op));
}

// The members that are stated, with these names.
json::Object stated(const json::Value& object, std::initializer_list<std::string_view> names) {
  json::Object clean;
  for (const auto name : names) {
    const auto* value = object.find_nocase(name);
    if (value != nullptr && !value->is_null()) clean[std::string(name)] = *value;
  }
  return clean;
}

Result<json::Value> checked_sort(const json::Value& sort) {
  if (!sort.is_array()) return json::mismatch(sort, "QueryFields.sort", "[]query.Sorting");
  json::Array entries;
  for (const auto& entry : sort.as_array()) {
    if (!entry.is_object() && !entry.is_null()) return json::mismatch(entry, "QueryFields.sort", "query.Sorting");
    auto clean = stated(entry, {"key", "order"});
    for (const auto& [name, value] : clean) {
      if (!value.is_string()) return json::mismatch(value, "Sorting.sort." + name, "string");
    }
    entries.emplace_back(std::move(clean));
  }
  return json::Value(std::move(entries));
}

Result<json::Value> checked_page(const json::Value& page) {
  if (!page.is_object()) return json::mismatch(page, "QueryFields.page", "query.Pagination");
  auto clean = stated(page, {"limit", "token"});
  if (const auto limit = clean.find("limit"); limit != clean.end()) {
    const bool whole = limit->second.is_number() && limit->second.as_int();
    if (!whole) return json::mismatch(limit->second, "Pagination.page.limit", "int");
  }
  if (const auto token = clean.find("token"); token != clean.end() && !token->second.is_string()) {
    return json::mismatch(token->second, "Pagination.page.token", "string");
  }
  return json::Value(std::move(clean));
}

Result<json::Value> checked(std::string_view text) {
  MECHA_TRY(auto query, json::parse(text, true));
  if (!query.is_object() && !query.is_null()) {
    return json::mismatch(query, {}, "query.QueryFields");
  }
  const auto part = [&](std::string_view name) {
    const auto* value = query.find_nocase(name);
    return value && !value->is_null() ? value : nullptr;
  };
  json::Object clean;
  if (const auto* filter = part("filter")) {
    if (!filter->is_object()) return json::mismatch(*filter, "QueryFields.filter", "map[string]interface {}");
    if (!filter->as_object().empty()) {
      MECHA_TRY_VOID(check_filter(*filter));
      clean["filter"] = *filter;
    }
  }
  if (const auto* sort = part("sort")) {
    MECHA_TRY(clean["sort"], checked_sort(*sort));
  }
  if (const auto* page = part("page")) {
    MECHA_TRY(clean["page"], checked_page(*page));
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
