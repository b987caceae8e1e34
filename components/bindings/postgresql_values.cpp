#include "components/bindings/postgresql_values.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

// Numbers that the server's catalogue has had for ever.
enum Type : std::uint32_t {
  kBool = 16, kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kOid = 26, kJson = 114, kFloat4 = 700, kFloat8 = 701,
  kDate = 1082, kTimestamp = 1114, kTimestampTz = 1184, kNumeric = 1700, kJsonb = 3802, kText = 25
};
constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 20> kArrays{{
    {199, kJson}, {1000, kBool}, {1001, kBytea}, {1002, kText}, {1003, kText}, {1005, kInt2}, {1007, kInt4}, {1009, kText}, {1014, kText}, {1015, kText},
    {1016, kInt8}, {1021, kFloat4}, {1022, kFloat8}, {1028, kOid}, {1115, kTimestamp}, {1182, kDate}, {1185, kTimestampTz}, {1231, kNumeric}, {2951, kText}, {3807, kJsonb},
}};

bool is_json(std::uint32_t type) { return type == kJson || type == kJsonb; }

std::string words(const json::Value& value) { return value.is_string() ? value.as_string() : json::write(value); }

std::string array_literal(const json::Array& list) {
  std::string out = "{";
  for (const auto& value : list) {
    if (out.size() > 1) out += ',';
    if (value.is_null()) out += "NULL";
    else if (value.is_array()) out += array_literal(value.as_array());
    else out += '"' + text::replace_all(text::replace_all(words(value), "\\", "\\\\"), "\"", "\\\"") + '"';
  }
  return out + "}";
}

// {1,"a b",NULL,{..}}; what is not understood ends the array.
json::Value read_array(std::string_view& rest, std::uint32_t element) {
  json::Array list;
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != '}') {
    if (rest.front() == ',') {
      rest.remove_prefix(1);
      continue;
    }
    if (rest.front() == '{') {
      list.push_back(read_array(rest, element));
      continue;
    }
    const bool quoted = rest.front() == '"';
    if (quoted) rest.remove_prefix(1);
    std::string word;
    while (!rest.empty() && (quoted ? rest.front() != '"' : rest.front() != ',' && rest.front() != '}')) {
      if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
      word += rest.front();
      rest.remove_prefix(1);
    }
    if (quoted && !rest.empty()) rest.remove_prefix(1);
    list.push_back(!quoted && word == "NULL" ? json::Value() : to_json(word, element));
  }
  if (!rest.empty()) rest.remove_prefix(1);
  return list;
}

// "2024-01-02 03:04:05.5+00" as RFC 3339 in UTC; infinity and years of other lengths stay as they are.
json::Value time_of(std::string_view text, std::uint32_t type) {
  std::string form(text);
  if (type == kDate) form += " 00:00:00";
  if (form.size() < 19 || form[4] != '-' || form[10] != ' ') return std::string(text);
  form[10] = 'T';
  const auto zone = type == kTimestampTz ? form.find_first_of("+-", 19) : std::string::npos;
  if (zone == std::string::npos) form += 'Z';
  else if (form.size() == zone + 3) form += ":00";
  const auto instant = text::parse_instant(form);
  return instant ? text::format_instant(*instant) : std::string(text);
}

json::Value number_of(std::string_view text) {
  const auto value = json::parse(text, true);
  return value && value->is_number() ? *value : json::Value(text);
}

}  // namespace

postgresql::Value to_parameter(const json::Value& value, std::uint32_t type) {
  if (value.is_null()) return std::monostate();
  if (value.is_array() && !is_json(type)) return array_literal(value.as_array());
  return words(value);
}

json::Value to_json(std::string_view text, std::uint32_t type) {
  switch (type) {
    case kBool: return text == "t" || text == "true";
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid:
    case kNumeric: return number_of(text);
    case kFloat4:
    case kFloat8: {
      const auto number = number_of(text);
      // In the usual spelling: 1e+06 is 1000000.
      return number.is_number() ? json::Value(json::Number{json::write(number)}) : number;
    }
    case kBytea: return text::base64(text::from_hex(text.substr(std::min<std::size_t>(2, text.size()))).value_or(""));
    case kJson:
    case kJsonb: {
      const auto value = json::parse(text);
      return value ? json::parse(json::write(*value)).value_or(json::Value()) : json::Value(text);
    }
    case kDate:
    case kTimestamp:
    case kTimestampTz: return time_of(text, type);
    default: break;
  }
  const auto* const array = std::ranges::find(kArrays, type, &std::pair<std::uint32_t, std::uint32_t>::first);
  if (array == kArrays.end() || !text.starts_with('{')) return std::string(text);
  return read_array(text, array->second);
}

std::string write_rows(const postgresql::Answer& answer) {
  json::Array rows;
  for (const auto& row : answer.rows) {
    json::Array values;
    for (std::size_t i = 0; i < row.size(); ++i) values.push_back(row[i] ? to_json(*row[i], answer.columns[i].type) : json::Value());
    rows.emplace_back(std::move(values));
  }
  return json::write(json::Value(std::move(rows)), json::Dialect::number_text);
}

}  // namespace mecha::bindings
