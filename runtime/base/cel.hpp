// CEL, the expression language of routing rules (contract 03, 2.5) and of circuit breakers (06, 4.3): the standard
// operators, macros and functions, without extensions; messages as cel-go spells them.
//
// Identifiers are dynamic: one that is not bound compiles, and fails when it is evaluated. JSON numbers are doubles.
// An Expression is immutable: evaluate it from any thread. A Bindings refers to what it was given, copying nothing.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/cel_value.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

namespace mecha::cel {

struct Node;

class Bindings {
 public:
  // `name`, `value` and `text` must outlive the bindings.
  Bindings& set(std::string_view name, const json::Value& value);
  Bindings& set(std::string_view name, const json::Value&& value) = delete;
  Bindings& set(std::string_view name, std::int64_t value);
  Bindings& set(std::string_view name, std::string_view text);
  const Value* find(std::string_view name) const;

 private:
  std::vector<std::pair<std::string_view, Value>> values_;
};

class Expression {
 public:
  // Fails for bad syntax and unknown functions:
  // "ERROR: <input>:1:8: undeclared reference to 'foo' (in container '')\n | 1 + foo()\n | .......^".
  static Result<Expression> compile(std::string_view source);

  // "no such attribute(s): x", "no such key: x", "no such overload", "division by zero", ... The value may refer to
  // the bindings and to this expression. Work is bounded: what takes too long fails.
  Result<Value> evaluate(const Bindings& bindings) const;
  // As above; a result that is no boolean fails, too.
  Result<bool> evaluate_bool(const Bindings& bindings) const;

  const std::string& source() const { return *source_; }

 private:
  Expression(std::shared_ptr<const std::string> source, std::shared_ptr<const Node> root)
      : source_(std::move(source)), root_(std::move(root)) {}

  std::shared_ptr<const std::string> source_;
  std::shared_ptr<const Node> root_;
};

}  // namespace mecha::cel
