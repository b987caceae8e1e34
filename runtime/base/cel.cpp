// CEL: evaluation of a tree.

#include "runtime/base/cel.hpp"

#include <array>

#include "runtime/base/cel_ast.hpp"

namespace mecha::cel {
namespace {

// What one evaluation may do at most: nested macros multiply, and concatenation doubles.
constexpr std::size_t kStepsMax = 1'000'000;

std::unexpected<Error> wrong(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

class Evaluator {
 public:
  explicit Evaluator(const Bindings& bindings) : bindings_(bindings) {}

  Result<Value> evaluate(const Node& node) {
    if (++steps_ > kStepsMax) return too_long();
    switch (node.kind) {
      case Kind::literal:
        // The text is the expression's: no copy.
        if (node.value.is_text()) return Value(node.value.text());
        return node.value;
      case Kind::local: return locals_[node.slot];
      case Kind::global: return global(node);
      case Kind::select: return select(node);
      case Kind::has: return has(node);
      case Kind::index: return index(node);
      case Kind::list: return list(node);
      case Kind::map: return map(node);
      case Kind::all_of: return logic(node, false);
      case Kind::any_of: return logic(node, true);
      case Kind::negation: return negation(node);
      case Kind::minus: return minus(node);
      case Kind::choice: return choice(node);
      case Kind::binary: return binary(node);
      case Kind::call: return function(node);
      case Kind::macro: return macro(node);
    }
    return no_such_overload();
  }

 private:
  static std::unexpected<Error> too_long() { return wrong("operation cancelled: actual cost limit exceeded"); }

  Result<Value> global(const Node& node) const {
    if (const Value* value = bindings_.find(node.name)) return *value;
    if (const auto type = type_named(node.name)) return Value(*type);
    return wrong("no such attribute(s): " + node.name);
  }

  Result<Value> member(const Value& value, const Value& key) const {
    if (auto found = value.find(key)) return *std::move(found);
    return wrong("no such key: " + to_text(key));
  }

  static std::unexpected<Error> no_member_of_list() { return wrong("unsupported index type 'string' in list"); }

  // What a member is taken from. The name of an unknown identifier grows with the members behind it, as in cel-go.
  Result<Value> parent(const Node& node) {
    const Node& child = *node.children[0];
    Result<Value> value = evaluate(child);
    if (value || (child.kind != Kind::global && child.kind != Kind::select)) return value;
    if (value.error().message.starts_with("no such attribute(s)")) value.error().message.append(".").append(node.name);
    return value;
  }

  Result<Value> select(const Node& node) {
    MECHA_TRY(const Value operand, parent(node));
    if (operand.type() == Type::list) return no_member_of_list();
    return member(operand, Value(std::string_view(node.name)));
  }

  // A scalar has no members, which is an answer; a list is none that could have them (contract 03, 2.5).
  Result<Value> has(const Node& node) {
    MECHA_TRY(const Value operand, parent(node));
    if (operand.type() == Type::list) return no_member_of_list();
    return Value(operand.type() == Type::map && operand.has(node.name));
  }

  Result<Value> index(const Node& node) {
    MECHA_TRY(const Value operand, evaluate(*node.children[0]));
    MECHA_TRY(const Value key, evaluate(*node.children[1]));
    if (operand.type() == Type::map) return member(operand, key);
    if (operand.type() != Type::list) return no_such_overload();
    std::int64_t at = 0;
    if (const auto* number = key.get<std::int64_t>()) {
      at = *number;
    } else if (key.type() == Type::unsigned_integer || key.type() == Type::floating) {
      const auto whole = convert(Function::to_int, key);
      if (!whole || !equal(*whole, key)) return wrong("unsupported index value " + to_text(key) + " in list");
      at = *whole->get<std::int64_t>();
    } else {
      return wrong("unsupported index type '" + std::string(type_name(key.type())) + "' in list");
    }
    if (at < 0 || static_cast<std::size_t>(at) >= operand.size()) {
      return wrong("index out of bounds: " + std::to_string(at));
    }
    return operand.at(static_cast<std::size_t>(at));
  }

  Result<Value> list(const Node& node) {
    auto items = std::make_shared<List>();
    items->reserve(node.children.size());
    for (const auto& child : node.children) {
      MECHA_TRY(Value item, evaluate(*child));
      items->push_back(std::move(item));
    }
    return Value(std::shared_ptr<const List>(std::move(items)));
  }

  Result<Value> map(const Node& node) {
    auto members = std::make_shared<Map>();
    for (std::size_t i = 0; i < node.children.size(); i += 2) {
      MECHA_TRY(Value key, evaluate(*node.children[i]));
      MECHA_TRY(Value value, evaluate(*node.children[i + 1]));
      steps_ += members->size() / 8;
      std::erase_if(*members, [&key](const auto& member) { return equal(member.first, key); });  // the last one wins
      members->emplace_back(std::move(key), std::move(value));
    }
    return Value(std::shared_ptr<const Map>(std::move(members)));
  }

  // && and ||: an operand that decides wins over one that fails, on either side.
  template <class Operand>
  Result<Value> decide(bool decisive, std::size_t count, const Operand& operand) {
    Result<Value> failure = Value(!decisive);
    for (std::size_t i = 0; i < count; ++i) {
      Result<Value> value = operand(i);
      if (steps_ > kStepsMax) return too_long();
      const bool* flag = value ? value->get<bool>() : nullptr;
      if (flag != nullptr && *flag == decisive) return Value(decisive);
      if (flag == nullptr && failure) failure = value ? Result<Value>(no_such_overload()) : std::move(value);
    }
    return failure;
  }

  Result<Value> logic(const Node& node, bool decisive) {
    return decide(decisive, node.children.size(), [&](std::size_t i) { return evaluate(*node.children[i]); });
  }

  Result<Value> negation(const Node& node) {
    MECHA_TRY(const Value value, evaluate(*node.children[0]));
    if (const bool* flag = value.get<bool>()) return Value(!*flag);
    return no_such_overload();
  }

  Result<Value> minus(const Node& node) {
    MECHA_TRY(const Value value, evaluate(*node.children[0]));
    return negate(value);
  }

  Result<Value> choice(const Node& node) {
    MECHA_TRY(const Value condition, evaluate(*node.children[0]));
    const bool* flag = condition.get<bool>();
    if (flag == nullptr) return no_such_overload();
    return evaluate(*node.children[*flag ? 1 : 2]);
  }

  Result<Value> binary(const Node& node) {
    MECHA_TRY(const Value left, evaluate(*node.children[0]));
    MECHA_TRY(const Value right, evaluate(*node.children[1]));
    steps_ += cost(left) + cost(right);
    if (steps_ > kStepsMax) return too_long();
    return apply(node.op, left, right);
  }

  // Long texts and lists count as so many steps.
  static std::size_t cost(const Value& value) {
    if (value.type() == Type::string) return value.text().size() / 64;
    if (const Bytes* bytes = value.get<Bytes>()) return bytes->data.size() / 64;
    return value.size() / 4;
  }

  Result<Value> function(const Node& node) {
    std::vector<Value> arguments;
    arguments.reserve(node.children.size());
    for (const auto& child : node.children) {
      MECHA_TRY(Value argument, evaluate(*child));
      steps_ += cost(argument);
      arguments.push_back(std::move(argument));
    }
    if (steps_ > kStepsMax) return too_long();
    return call(node, arguments);
  }

  static std::unexpected<Error> not_iterable(Type type) {
    constexpr std::array<std::string_view, 12> kGoNames{"Null",  "Bool", "Int", "Uint",      "Double",   "String",
                                                        "Bytes", "List", "Map", "Timestamp", "Duration", "Type"};
    const std::string_view name = kGoNames[static_cast<std::size_t>(type)];
    return wrong("got 'types." + std::string(name) + "', expected iterable type");
  }

  Result<Value> macro(const Node& node) {
    MECHA_TRY(const Value range, evaluate(*node.children[0]));
    const Type type = range.type();
    if (type != Type::list && type != Type::map) return not_iterable(type);
    const List keys = type == Type::map ? range.keys() : List();
    if (locals_.size() <= node.slot) locals_.resize(node.slot + 1);
    const auto item = [&](std::size_t i) { return type == Type::map ? keys[i] : range.at(i); };
    if (node.macro == Macro::all || node.macro == Macro::exists) return quantifier(node, range.size(), item);
    if (node.macro == Macro::exists_one) return exactly_one(node, range.size(), item);
    return collect(node, range.size(), item);
  }

  // all is a long &&, exists a long ||, with the same way with errors.
  template <class Item>
  Result<Value> quantifier(const Node& node, std::size_t size, const Item& item) {
    return decide(node.macro == Macro::exists, size, [&](std::size_t i) {
      locals_[node.slot] = item(i);
      return evaluate(*node.children[1]);
    });
  }

  template <class Item>
  Result<Value> exactly_one(const Node& node, std::size_t size, const Item& item) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < size; ++i) {
      MECHA_TRY(const bool hit, predicate(node, item(i)));
      count += hit ? 1 : 0;
    }
    return Value(count == 1);
  }

  Result<bool> predicate(const Node& node, Value item) {
    locals_[node.slot] = std::move(item);
    MECHA_TRY(const Value value, evaluate(*node.children[1]));
    if (const bool* flag = value.get<bool>()) return *flag;
    return no_such_overload();
  }

  template <class Item>
  Result<Value> collect(const Node& node, std::size_t size, const Item& item) {
    auto items = std::make_shared<List>();
    const bool transforms = node.macro == Macro::map;
    const bool filters = !transforms || node.children.size() == 3;
    for (std::size_t i = 0; i < size; ++i) {
      if (filters) {
        MECHA_TRY(const bool hit, predicate(node, item(i)));
        if (!hit) continue;
      }
      if (!transforms) {
        items->push_back(item(i));
        continue;
      }
      locals_[node.slot] = item(i);
      MECHA_TRY(Value value, evaluate(*node.children.back()));
      items->push_back(std::move(value));
    }
    return Value(std::shared_ptr<const List>(std::move(items)));
  }

  const Bindings& bindings_;
  std::vector<Value> locals_;
  std::size_t steps_ = 0;
};

}  // namespace

Bindings& Bindings::set(std::string_view name, const json::Value& value) {
  values_.emplace_back(name, Value::of(value));
  return *this;
}

Bindings& Bindings::set(std::string_view name, std::int64_t value) {
  values_.emplace_back(name, Value(value));
  return *this;
}

Bindings& Bindings::set(std::string_view name, std::string_view text) {
  values_.emplace_back(name, Value(text));
  return *this;
}

const Value* Bindings::find(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return &value;
  }
  return nullptr;
}

Result<Expression> Expression::compile(std::string_view source) {
  MECHA_TRY(std::unique_ptr<Node> root, parse(source));
  return Expression(std::make_shared<const std::string>(source), std::move(root));
}

Result<Value> Expression::evaluate(const Bindings& bindings) const { return Evaluator(bindings).evaluate(*root_); }

Result<bool> Expression::evaluate_bool(const Bindings& bindings) const {
  MECHA_TRY(const Value value, evaluate(bindings));
  if (const bool* flag = value.get<bool>()) return *flag;
  return wrong("the result of match expression " + *source_ + " was not a boolean");
}

}  // namespace mecha::cel
