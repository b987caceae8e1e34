// The tree of an expression, and the steps that make it: source -> tokens -> nodes. Internal to CEL.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/cel_value.hpp"
#include "runtime/base/result.hpp"

namespace re2 {
class RE2;
}

namespace mecha::cel {

enum class Token : std::uint8_t { end, identifier, literal, symbol };

struct Lexeme {
  Token token = Token::end;
  std::string_view text;  // identifier or symbol
  Value value;            // literal; an integer is held as uint64 until its sign is known
  bool is_plain_int = false;
  std::size_t at = 0;  // offset in the source
};

// A compile error as cel-go shows it, with the line and a mark below the place.
Error error_at(std::string_view source, std::size_t at, std::string_view message);

Result<std::vector<Lexeme>> tokenize(std::string_view source);

enum class Kind : std::uint8_t {
  literal, local, global, select, has, index, list, map, all_of, any_of, negation, minus, choice, binary, call, macro
};
enum class Operator : std::uint8_t {
  equal, not_equal, less, less_equal, greater, greater_equal, in, add, subtract, multiply, divide, modulo
};
enum class Macro : std::uint8_t { all, exists, exists_one, map, filter };
enum class Function : std::uint8_t {
  size, to_int, to_uint, to_double, to_string, to_bool, to_bytes, to_timestamp, to_duration, dyn, type, starts_with,
  ends_with, contains, matches, full_year, month, date, day_of_month, day_of_week, day_of_year, hours, minutes, seconds,
  milliseconds
};

struct Node {
  Kind kind = Kind::literal;
  Operator op = Operator::equal;
  Macro macro = Macro::all;
  Function function = Function::size;
  std::string name;      // of a global or a member
  std::size_t slot = 0;  // of a local; of a macro: that of its variable
  Value value;           // of a literal
  // Operands in source order; a macro has its range first; a map has keys and values in turn.
  std::vector<std::unique_ptr<Node>> children;
  std::shared_ptr<const re2::RE2> pattern;  // of `matches` with a literal
  int depth = 1;
};

// The function of that name, if it may be called with so many arguments; `member` counts the receiver as the first.
struct Signature {
  std::string_view name;
  Function function;
  bool global, member;
  std::size_t arguments_min, arguments_max;
};
const Signature* find_function(std::string_view name, bool member, std::size_t arguments);
bool is_function(std::string_view name);

Result<std::unique_ptr<Node>> parse(std::string_view source);

// Operators and functions on values.
Result<Value> apply(Operator op, const Value& a, const Value& b);
Result<Value> negate(const Value& value);
Result<Value> call(const Node& node, const std::vector<Value>& arguments);
Result<Value> convert(Function function, const Value& value);
Result<Value> time_part(Function function, const Value& value, std::string_view zone);
std::shared_ptr<const re2::RE2> compile_pattern(std::string_view pattern);

}  // namespace mecha::cel
