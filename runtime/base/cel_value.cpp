#include "runtime/base/cel_value.hpp"

#include <algorithm>
#include <array>

namespace mecha::cel {
namespace {

constexpr std::array<std::string_view, 12> kTypeNames{
    "null_type", "bool", "int", "uint", "double", "string", "bytes", "list", "map", "google.protobuf.Timestamp",
    "google.protobuf.Duration", "type"
};

template <class T>
Order order_of(const T& a, const T& b) {
  if (a < b) return Order::less;
  if (b < a) return Order::greater;
  return a == b ? Order::equal : Order::unordered;
}

Order reverse(Order order) {
  if (order == Order::less) return Order::greater;
  return order == Order::greater ? Order::less : order;
}

// As doubles, which loses digits beyond 2^53: cel-go does the same.
template <class Integer>
Order order_of_double(double a, Integer b) {
  return order_of(a, static_cast<double>(b));
}

std::optional<Order> compare_numbers(const Value& a, const Value& b) {
  if (const auto* x = a.get<double>()) {
    if (const auto* y = b.get<double>()) return order_of(*x, *y);
    if (const auto* y = b.get<std::int64_t>()) return order_of_double(*x, *y);
    if (const auto* y = b.get<std::uint64_t>()) return order_of_double(*x, *y);
    return std::nullopt;
  }
  if (const auto* x = a.get<std::int64_t>()) {
    if (const auto* y = b.get<std::int64_t>()) return order_of(*x, *y);
    if (const auto* y = b.get<std::uint64_t>()) {
      return *x < 0 ? Order::less : order_of(static_cast<std::uint64_t>(*x), *y);
    }
  }
  if (const auto* x = a.get<std::uint64_t>()) {
    if (const auto* y = b.get<std::uint64_t>()) return order_of(*x, *y);
  }
  if (!b.get<double>() && !b.get<std::int64_t>()) return std::nullopt;
  const auto turned = a.get<double>() ? std::nullopt : compare_numbers(b, a);
  return turned ? std::optional(reverse(*turned)) : std::nullopt;
}

bool is_number(const Value& value) {
  return value.get<double>() != nullptr || value.get<std::int64_t>() != nullptr || value.get<std::uint64_t>() != nullptr;
}

template <class T>
std::optional<Order> compare_as(const Value& a, const Value& b) {
  const T* x = a.get<T>();
  const T* y = b.get<T>();
  if (x == nullptr || y == nullptr) return std::nullopt;
  return order_of(*x, *y);
}

bool equal_lists(const Value& a, const Value& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!equal(a.at(i), b.at(i))) return false;
  }
  return true;
}

bool equal_maps(const Value& a, const Value& b) {
  if (a.size() != b.size()) return false;
  return std::ranges::all_of(a.keys(), [&](const Value& key) {
    const auto other = b.find(key);
    return other && equal(*a.find(key), *other);
  });
}

}  // namespace

std::string_view type_name(Type type) { return kTypeNames[static_cast<std::size_t>(type)]; }

std::optional<Type> type_named(std::string_view name) {
  const auto* const at = std::ranges::find(kTypeNames, name);
  if (at == kTypeNames.end()) return std::nullopt;
  return static_cast<Type>(at - kTypeNames.begin());
}

Value Value::of(const json::Value& value) {
  if (value.is_bool()) return Value(value.as_bool());
  if (value.is_number()) return Value(value.as_double());
  if (value.is_string()) return Value(std::string_view(value.as_string()));
  if (value.is_null()) return {};
  return Value(&value);
}

Type Value::type() const {
  constexpr std::array<Type, 14> kTypes{
      Type::null_type, Type::boolean, Type::integer, Type::unsigned_integer, Type::floating, Type::string, Type::string,
      Type::bytes, Type::map, Type::list, Type::map, Type::timestamp, Type::duration, Type::type
  };
  if (const json::Value* value = document()) return value->is_array() ? Type::list : Type::map;
  return kTypes[data_.index()];
}

std::string_view Value::text() const {
  if (const auto* view = get<std::string_view>()) return *view;
  if (const auto* owned = get<std::string>()) return *owned;
  return {};
}

const json::Value* Value::document() const {
  const auto* pointer = get<const json::Value*>();
  return pointer == nullptr ? nullptr : *pointer;
}

std::size_t Value::size() const {
  if (const json::Value* value = document()) {
    return value->is_array() ? value->as_array().size() : value->as_object().size();
  }
  if (const auto* list = get<std::shared_ptr<const List>>()) return (*list)->size();
  if (const auto* map = get<std::shared_ptr<const Map>>()) return (*map)->size();
  return 0;
}

Value Value::at(std::size_t index) const {
  if (const json::Value* value = document()) return of(value->as_array()[index]);
  return (**get<std::shared_ptr<const List>>())[index];
}

std::optional<Value> Value::find(const Value& key) const {
  if (const json::Value* value = document()) {
    const json::Value* member = key.is_text() ? value->find(key.text()) : nullptr;
    return member == nullptr ? std::nullopt : std::optional(of(*member));
  }
  if (const auto* map = get<std::shared_ptr<const Map>>()) {
    for (const auto& [name, value] : **map) {
      if (equal(name, key)) return value;
    }
  }
  return std::nullopt;
}

bool Value::has(std::string_view key) const {
  if (const json::Value* value = document()) return value->find(key) != nullptr;
  return find(Value(key)).has_value();
}

List Value::keys() const {
  List keys;
  if (const json::Value* value = document()) {
    for (const auto& [name, member] : value->as_object()) keys.emplace_back(std::string_view(name));
  } else if (const auto* map = get<std::shared_ptr<const Map>>()) {
    for (const auto& [name, member] : **map) keys.push_back(name);
  }
  return keys;
}

bool equal(const Value& a, const Value& b) {
  if (is_number(a) && is_number(b)) return compare_numbers(a, b) == Order::equal;
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Type::null_type: return true;
    case Type::type: return *a.get<Type>() == *b.get<Type>();
    case Type::list:
    case Type::map:
      // Documents may be deep: their own comparison does not recurse.
      if (a.document() != nullptr && b.document() != nullptr) return *a.document() == *b.document();
      return a.type() == Type::list ? equal_lists(a, b) : equal_maps(a, b);
    default: return compare(a, b) == Order::equal;
  }
}

std::optional<Order> compare(const Value& a, const Value& b) {
  if (is_number(a)) return is_number(b) ? compare_numbers(a, b) : std::nullopt;
  if (a.type() != b.type()) return std::nullopt;
  switch (a.type()) {
    case Type::boolean: return compare_as<bool>(a, b);
    case Type::string: return order_of(a.text(), b.text());
    case Type::bytes: return order_of(a.get<Bytes>()->data, b.get<Bytes>()->data);
    case Type::timestamp: return compare_as<Value::Timestamp>(a, b);
    case Type::duration: return compare_as<Value::Duration>(a, b);
    default: return std::nullopt;
  }
}

std::string to_text(const Value& value) {
  if (value.is_text()) return std::string(value.text());
  if (const auto* number = value.get<std::int64_t>()) return std::to_string(*number);
  if (const auto* number = value.get<std::uint64_t>()) return std::to_string(*number);
  if (const auto* number = value.get<double>()) return json::format_double_g(*number);
  if (const auto* flag = value.get<bool>()) return *flag ? "true" : "false";
  return std::string(type_name(value.type()));
}

}  // namespace mecha::cel
