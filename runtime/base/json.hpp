// JSON values with the reading and writing rules of the wire contract (02, section 0.1; 03, section 0.1).
//
// Reading: names are matched by the caller, exactly or without case (`find_nocase`); of repeated members the
// last wins; data after the first value is left alone; invalid UTF-8 and lone surrogates become U+FFFD; nesting
// deeper than 10,000 fails. Numbers keep their text, so that nothing is lost until someone asks for a double.
// Writing: compact, members sorted by bytes, `<`, `>`, `&`, U+2028 and U+2029 escaped (Standard dialect), numbers as
// IEEE doubles in the shortest form that reads back, exponent form below 1e-6 and from 1e21.
// Values own their memory; nothing here is thread safe, and nothing does I/O.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::json {

class Value;
using Array = std::vector<Value>;
using Object = std::map<std::string, Value, std::less<>>;

struct Number {
  std::string text;  // as read, or as formatted from a number
};

class Value {
 public:
  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool b) : data_(b) {}
  Value(int n);
  Value(std::int64_t n);
  Value(std::uint64_t n);
  Value(double n);  // null if it is not finite
  Value(const char* s) : data_(std::string(s)) {}
  Value(std::string s) : data_(std::move(s)) {}
  Value(std::string_view s) : data_(std::string(s)) {}
  Value(Number n) : data_(std::move(n)) {}
  Value(Array a);
  Value(Object o);

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_number() const { return std::holds_alternative<Number>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_array() const { return std::holds_alternative<std::unique_ptr<Array>>(data_); }
  bool is_object() const { return std::holds_alternative<std::unique_ptr<Object>>(data_); }

  // Each asks for the kind that it is, see above; a wrong kind is a bug of the caller.
  bool as_bool() const;
  double as_double() const;
  std::optional<std::int64_t> as_int() const;  // empty if it is not a whole number in range
  const std::string& as_string() const;
  std::string& as_string();
  const std::string& number_text() const;
  const Array& as_array() const;
  Array& as_array();
  const Object& as_object() const;
  Object& as_object();

  // The member, or nullptr if this is no object or has none. `find_nocase`: ASCII case is ignored, an exact match wins.
  const Value* find(std::string_view name) const;
  const Value* find_nocase(std::string_view name) const;
  // The member as text / empty when absent or no text.
  std::string_view text(std::string_view name) const;

  Value(const Value& other);
  Value& operator=(const Value& other);
  // What is moved from is null.
  Value(Value&& other) noexcept : data_(std::move(other.data_)) { other.data_.emplace<std::monostate>(); }
  Value& operator=(Value&& other) noexcept {
    if (this != &other) {
      Value old;  // a container lives on until the end: `other` may be a part of it
      if (data_.index() >= 4) old.data_.swap(data_);
      data_ = std::move(other.data_);
      other.data_.emplace<std::monostate>();
    }
    return *this;
  }
  ~Value() {
    if (data_.index() >= 4) clear();
  }
  bool operator==(const Value& other) const;  // numbers compare as doubles

 private:
  void clear() noexcept;

  std::variant<
      std::monostate,
      bool,
      Number,
      std::string,
      std::unique_ptr<Array>,
      std::unique_ptr<Object>>
      data_;
};

// The first JSON value of `text`. The message is that of a Go decoder, as clients see it in error bodies
// ("invalid character 'x' looking for beginning of value", "unexpected end of JSON input", "EOF" for no value).
// A text that ends too early is "unexpected EOF" (a Go decoder on a stream), with `whole` "unexpected end of JSON input"
// (Go's Unmarshal), also if it is empty. `whole` refuses anything but white space behind the value.
Result<Value> parse(std::string_view text, bool whole = false);

// The first number in `value` that is beyond the range of a double, or nullptr. Reading keeps such a number; what
// stores documents refuses it: "json: cannot unmarshal number 1e999 into Go value of type float64".
const Value* out_of_range(const Value& value);

enum class Dialect : std::uint8_t {
  standard,    // see above
  fast,        // no HTML escaping; floats up to 83,886,079 rounded to 6 decimals (contract 02, 1.4)
  number_text  // standard, but numbers keep the text that was read
};

std::string write(const Value& value, Dialect dialect = Dialect::standard);
void write_to(std::string& out, const Value& value, Dialect dialect = Dialect::standard);

// A quoted JSON string / an object of strings / the text of a double, as `write` does them (standard dialect).
void write_string(std::string& out, std::string_view text, bool escape_html = true);
void write_texts(std::string& out, const std::map<std::string, std::string, std::less<>>& texts);
std::string format_double(double value);
// Go's %g shortest form of a double, used by texts of the contract ("1e+06").
std::string format_double_g(double value);

}  // namespace mecha::json
