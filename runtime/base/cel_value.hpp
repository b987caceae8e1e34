// Values of CEL. Texts, lists and maps of a JSON document are referred to, never copied.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cel {

enum class Type : std::uint8_t {
  null_type, boolean, integer, unsigned_integer, floating, string, bytes, list, map, timestamp, duration, type
};
// "int", "google.protobuf.Timestamp", ...
std::string_view type_name(Type type);
std::optional<Type> type_named(std::string_view name);

class Value;
using List = std::vector<Value>;
using Map = std::vector<std::pair<Value, Value>>;  // literals only, so that a search is short

struct Bytes {
  std::string data;
};

class Value {
 public:
  using Timestamp = text::Instant;
  using Duration = std::chrono::nanoseconds;
  using Data = std::variant<
      std::monostate,
      bool,
      std::int64_t,
      std::uint64_t,
      double,
      std::string_view,
      std::string,
      Bytes,
      const json::Value*,
      std::shared_ptr<const List>,
      std::shared_ptr<const Map>,
      Timestamp,
      Duration,
      Type>;

  Value() = default;  // null
  template <class T>
    requires(!std::is_same_v<T, Value> && std::is_constructible_v<Data, T>)
  Value(T value) : data_(std::move(value)) {}
  // Refers to `value`.
  static Value of(const json::Value& value);

  Type type() const;
  // nullptr if it is of another kind. Not for texts, lists and maps, which come in two forms.
  template <class T>
  const T* get() const {
    return std::get_if<T>(&data_);
  }
  bool is_text() const { return type() == Type::string; }
  std::string_view text() const;  // empty if it is none

  // Lists. `at` wants an index below `size`.
  std::size_t size() const;  // of a list or map
  Value at(std::size_t index) const;

  // Maps.
  std::optional<Value> find(const Value& key) const;
  bool has(std::string_view key) const;
  List keys() const;

  // The document behind it, or nullptr if this is no list or map of one.
  const json::Value* document() const;

 private:
  Data data_;
};

// Equality of CEL: numbers across their types, else false for different types.
bool equal(const Value& a, const Value& b);

enum class Order : std::uint8_t { less, equal, greater, unordered };
// Empty if the two cannot be compared.
std::optional<Order> compare(const Value& a, const Value& b);

// As a key in "no such key: x".
std::string to_text(const Value& value);

inline std::unexpected<Error> no_such_overload() { return fail(Code::invalid_argument, "no such overload"); }

}  // namespace mecha::cel
