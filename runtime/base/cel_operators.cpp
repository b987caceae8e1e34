// CEL: what operators do with values. Overflow is an error, never a wrap.

#include <cmath>

#include "runtime/base/cel_ast.hpp"

namespace mecha::cel {
namespace {

std::unexpected<Error> wrong(std::string_view message) { return fail(Code::invalid_argument, std::string(message)); }

// Times keep to the years 1 to 9999.
constexpr std::int64_t kSecondsMin = -62135596800;
constexpr std::int64_t kSecondsMax = 253402300799;
constexpr std::int64_t kNanos = 1'000'000'000;

template <class Integer>
Result<Value> arithmetic(Operator op, Integer a, Integer b, std::string_view overflow) {
  Integer result = 0;
  bool bad = false;
  switch (op) {
    case Operator::add: bad = __builtin_add_overflow(a, b, &result); break;
    case Operator::subtract: bad = __builtin_sub_overflow(a, b, &result); break;
    case Operator::multiply: bad = __builtin_mul_overflow(a, b, &result); break;
    case Operator::divide:
    case Operator::modulo:
      if (b == 0) return wrong(op == Operator::divide ? "division by zero" : "modulus by zero");
      // The one quotient that is too large: the smallest number by -1.
      if (std::is_signed_v<Integer> && b == static_cast<Integer>(-1)) {
        bad = __builtin_sub_overflow(Integer{0}, a, &result);
        if (!bad && op == Operator::modulo) result = 0;
        break;
      }
      result = op == Operator::divide ? a / b : a % b;
      break;
    default: return no_such_overload();
  }
  if (bad) return wrong(overflow);
  return Value(result);
}

Result<Value> floating(Operator op, double a, double b) {
  switch (op) {
    case Operator::add: return Value(a + b);
    case Operator::subtract: return Value(a - b);
    case Operator::multiply: return Value(a * b);
    case Operator::divide:
      // As IEEE has it; spelled out, as the language leaves it undefined.
      if (b == 0) return Value(a == 0 || std::isnan(a) ? std::nan("") : (std::signbit(a) != std::signbit(b) ? -INFINITY : INFINITY));
      return Value(a / b);
    default: return no_such_overload();
  }
}

Result<Value> shifted(const Value::Timestamp& time, std::int64_t nanos, bool back) {
  std::int64_t seconds = nanos / kNanos;
  std::int64_t rest = nanos % kNanos;
  if (back) {
    seconds = -seconds;
    rest = -rest;
  }
  seconds += time.seconds;
  rest += time.nanos;
  if (rest < 0) {
    rest += kNanos;
    --seconds;
  } else if (rest >= kNanos) {
    rest -= kNanos;
    ++seconds;
  }
  if (seconds < kSecondsMin || seconds > kSecondsMax) return wrong("timestamp overflow");
  return Value(Value::Timestamp{.seconds = seconds, .nanos = static_cast<std::int32_t>(rest)});
}

Result<Value> times(Operator op, const Value& a, const Value& b) {
  const auto* time = a.get<Value::Timestamp>();
  const auto* other = b.get<Value::Timestamp>();
  const auto* left = a.get<Value::Duration>();
  const auto* right = b.get<Value::Duration>();
  const bool add = op == Operator::add;
  if (!add && op != Operator::subtract) return no_such_overload();
  if (time != nullptr && right != nullptr) return shifted(*time, right->count(), !add);
  if (left != nullptr && other != nullptr && add) return shifted(*other, left->count(), false);
  std::int64_t result = 0;
  if (left != nullptr && right != nullptr) {
    const bool bad = add ? __builtin_add_overflow(left->count(), right->count(), &result)
                         : __builtin_sub_overflow(left->count(), right->count(), &result);
    if (bad) return wrong("duration overflow");
    return Value(Value::Duration(result));
  }
  if (time != nullptr && other != nullptr && !add) {
    const std::int64_t seconds = time->seconds - other->seconds;
    if (__builtin_mul_overflow(seconds, kNanos, &result) ||
        __builtin_add_overflow(result, std::int64_t{time->nanos} - other->nanos, &result)) {
      return wrong("duration overflow");
    }
    return Value(Value::Duration(result));
  }
  return no_such_overload();
}

Result<Value> concatenated(const Value& a, const Value& b) {
  if (a.is_text() && b.is_text()) return Value(std::string(a.text()).append(b.text()));
  const Bytes* left = a.get<Bytes>();
  const Bytes* right = b.get<Bytes>();
  if (left != nullptr && right != nullptr) return Value(Bytes{left->data + right->data});
  if (a.type() != Type::list || b.type() != Type::list) return no_such_overload();
  auto list = std::make_shared<List>();
  list->reserve(a.size() + b.size());
  for (std::size_t i = 0; i < a.size(); ++i) list->push_back(a.at(i));
  for (std::size_t i = 0; i < b.size(); ++i) list->push_back(b.at(i));
  return Value(std::shared_ptr<const List>(std::move(list)));
}

Result<Value> contained(const Value& item, const Value& container) {
  if (container.type() == Type::map) return Value(container.find(item).has_value());
  if (container.type() != Type::list) return no_such_overload();
  for (std::size_t i = 0; i < container.size(); ++i) {
    if (equal(item, container.at(i))) return Value(true);
  }
  return Value(false);
}

Result<Value> ordered(Operator op, const Value& a, const Value& b) {
  const auto order = compare(a, b);
  if (!order) return no_such_overload();
  switch (op) {
    case Operator::less: return Value(*order == Order::less);
    case Operator::less_equal: return Value(*order == Order::less || *order == Order::equal);
    case Operator::greater: return Value(*order == Order::greater);
    default: return Value(*order == Order::greater || *order == Order::equal);
  }
}

}  // namespace

Result<Value> apply(Operator op, const Value& a, const Value& b) {
  switch (op) {
    case Operator::equal: return Value(equal(a, b));
    case Operator::not_equal: return Value(!equal(a, b));
    case Operator::less:
    case Operator::less_equal:
    case Operator::greater:
    case Operator::greater_equal: return ordered(op, a, b);
    case Operator::in: return contained(a, b);
    default: break;
  }
  const Type type = a.type();
  if (type == Type::timestamp || type == Type::duration) return times(op, a, b);
  if (type != b.type()) return no_such_overload();
  if (type == Type::integer) return arithmetic(op, *a.get<std::int64_t>(), *b.get<std::int64_t>(), "integer overflow");
  if (type == Type::unsigned_integer) {
    return arithmetic(op, *a.get<std::uint64_t>(), *b.get<std::uint64_t>(), "unsigned integer overflow");
  }
  if (type == Type::floating) return floating(op, *a.get<double>(), *b.get<double>());
  return op == Operator::add ? concatenated(a, b) : Result<Value>(no_such_overload());
}

Result<Value> negate(const Value& value) {
  if (const auto* number = value.get<double>()) return Value(-*number);
  if (const auto* number = value.get<std::int64_t>()) {
    return arithmetic<std::int64_t>(Operator::subtract, 0, *number, "integer overflow");
  }
  if (const auto* duration = value.get<Value::Duration>()) {
    return times(Operator::subtract, Value(Value::Duration(0)), Value(*duration));
  }
  return no_such_overload();
}

}  // namespace mecha::cel
