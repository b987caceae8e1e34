// CEL: the functions that are no conversion, and which functions there are.

#include <algorithm>
#include <array>

#include <re2/re2.h>

#include "runtime/base/cel_ast.hpp"
#include "runtime/base/text_utf8.hpp"

namespace mecha::cel {
namespace {

constexpr std::array<Signature, 25> kFunctions{{
    {"size", Function::size, true, true, 1, 1},
    {"int", Function::to_int, true, false, 1, 1},
    {"uint", Function::to_uint, true, false, 1, 1},
    {"double", Function::to_double, true, false, 1, 1},
    {"string", Function::to_string, true, false, 1, 1},
    {"bool", Function::to_bool, true, false, 1, 1},
    {"bytes", Function::to_bytes, true, false, 1, 1},
    {"timestamp", Function::to_timestamp, true, false, 1, 1},
    {"duration", Function::to_duration, true, false, 1, 1},
    {"dyn", Function::dyn, true, false, 1, 1},
    {"type", Function::type, true, false, 1, 1},
    {"startsWith", Function::starts_with, false, true, 2, 2},
    {"endsWith", Function::ends_with, false, true, 2, 2},
    {"contains", Function::contains, false, true, 2, 2},
    {"matches", Function::matches, true, true, 2, 2},
    {"getFullYear", Function::full_year, false, true, 1, 2},
    {"getMonth", Function::month, false, true, 1, 2},
    {"getDate", Function::date, false, true, 1, 2},
    {"getDayOfMonth", Function::day_of_month, false, true, 1, 2},
    {"getDayOfWeek", Function::day_of_week, false, true, 1, 2},
    {"getDayOfYear", Function::day_of_year, false, true, 1, 2},
    {"getHours", Function::hours, false, true, 1, 2},
    {"getMinutes", Function::minutes, false, true, 1, 2},
    {"getSeconds", Function::seconds, false, true, 1, 2},
    {"getMilliseconds", Function::milliseconds, false, true, 1, 2},
}};

Result<Value> size_of(const Value& value) {
  switch (value.type()) {
    case Type::string: return Value(static_cast<std::int64_t>(text::count_utf8(value.text())));
    case Type::bytes: return Value(static_cast<std::int64_t>(value.get<Bytes>()->data.size()));
    case Type::list:
    case Type::map: return Value(static_cast<std::int64_t>(value.size()));
    default: return fail(Code::invalid_argument, "no such overload: size");
  }
}

Result<Value> matches(const Node& node, const Value& value, const Value& pattern) {
  if (!value.is_text() || !pattern.is_text()) return no_such_overload();
  const auto compiled = node.pattern ? node.pattern : compile_pattern(pattern.text());
  if (!compiled->ok()) {
    return fail(Code::invalid_argument, "error parsing regexp: " + compiled->error());
  }
  const auto view = value.text();
  return Value(re2::RE2::PartialMatch(re2::StringPiece(view.data(), view.size()), *compiled));
}

Result<Value> compare_texts(Function function, const Value& a, const Value& b) {
  if (!a.is_text() || !b.is_text()) return no_such_overload();
  if (function == Function::starts_with) return Value(a.text().starts_with(b.text()));
  if (function == Function::ends_with) return Value(a.text().ends_with(b.text()));
  return Value(a.text().find(b.text()) != std::string_view::npos);
}

}  // namespace

const Signature* find_function(std::string_view name, bool member, std::size_t arguments) {
  for (const Signature& entry : kFunctions) {
    if (entry.name == name && (member ? entry.member : entry.global) && arguments >= entry.arguments_min &&
        arguments <= entry.arguments_max) {
      return &entry;
    }
  }
  return nullptr;
}

bool is_function(std::string_view name) {
  return std::ranges::any_of(kFunctions, [name](const Signature& entry) { return entry.name == name; });
}

std::shared_ptr<const re2::RE2> compile_pattern(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
}

Result<Value> call(const Node& node, const std::vector<Value>& arguments) {
  const Value& first = arguments[0];
  switch (node.function) {
    case Function::size: return size_of(first);
    case Function::dyn: return first;
    case Function::type: return Value(first.type());
    case Function::matches: return matches(node, first, arguments[1]);
    case Function::starts_with:
    case Function::ends_with:
    case Function::contains: return compare_texts(node.function, first, arguments[1]);
    default: break;
  }
  if (node.function < Function::dyn) return convert(node.function, first);
  if (arguments.size() == 1) return time_part(node.function, first, {});
  if (!arguments[1].is_text() || first.type() != Type::timestamp) return no_such_overload();
  return time_part(node.function, first, arguments[1].text());
}

}  // namespace mecha::cel
