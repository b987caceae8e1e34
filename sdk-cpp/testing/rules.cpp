// Reads an expression into a tree, and looks at an event with it.

#include "testing/rules.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>
#include <vector>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

namespace mecha::testing::detail {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;
using google::protobuf::util::JsonStringToMessage;

bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

struct Expression::Node {
  enum class Kind { any, all, negation, has, compare, function, constant, path };
  Kind kind = Kind::constant;
  std::vector<std::shared_ptr<const Node>> parts;
  std::string name;               // of an operator or a function
  std::vector<std::string> path;  // below `event`
  Value value;                    // of a constant
};

namespace {

using Node = Expression::Node;
using Kind = Node::Kind;
using Part = std::shared_ptr<const Node>;  // null: not understood

Part node(Kind kind, std::vector<Part> parts, std::string name = {}) {
  for (const auto& part : parts)
    if (!part) return nullptr;
  Node to;
  to.kind = kind;
  to.parts = std::move(parts);
  to.name = std::move(name);
  return std::make_shared<const Node>(std::move(to));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : left_(text) {}

  Part whole() {
    if (left_.size() > size_most) return nullptr;
    auto got = any();
    skip();
    return left_.empty() ? got : nullptr;
  }

 private:
  // More than anybody writes: parentheses nest on the stack, and so do the parts of a long sequence.
  static constexpr int depth_most = 50;
  static constexpr std::size_t size_most = 4096;

  void skip() {
    while (!left_.empty() && (left_[0] == ' ' || left_[0] == '\t' || left_[0] == '\n')) left_.remove_prefix(1);
  }
  bool take(std::string_view word) {
    skip();
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }
  std::string name() {
    std::size_t size = 0;
    while (size < left_.size() && is_name_letter(left_[size])) ++size;
    std::string to(left_.substr(0, size));
    left_.remove_prefix(size);
    return to;
  }

  Part any() {
    auto left = all();
    while (left && take("||")) left = node(Kind::any, {left, all()});
    return left;
  }
  Part all() {
    auto left = comparison();
    while (left && take("&&")) left = node(Kind::all, {left, comparison()});
    return left;
  }
  Part comparison() {
    auto left = unary();
    for (const char* op : {"==", "!=", "<=", ">=", "<", ">"})
      if (left && take(op)) return node(Kind::compare, {left, unary()}, op);
    return left;
  }
  Part unary() {
    if (depth_ == depth_most) return nullptr;
    ++depth_;
    auto got = inner_unary();
    --depth_;
    return got;
  }
  Part inner_unary() {
    if (take("!")) return node(Kind::negation, {unary()});
    if (take("(")) {
      auto inner = any();
      return take(")") ? inner : nullptr;
    }
    if (take("has(")) {
      auto inner = operand();
      if (!inner || inner->kind != Kind::path || inner->path.empty()) return nullptr;
      return take(")") ? node(Kind::has, {inner}) : nullptr;
    }
    return operand();
  }
  Part operand() {
    skip();
    if (left_.empty()) return nullptr;
    if (left_[0] == '"' || left_[0] == '\'') return text();
    if (left_[0] == '-' || (left_[0] >= '0' && left_[0] <= '9')) return number();
    const auto word = name();
    if (word == "true" || word == "false") {
      Node to;
      to.value.set_bool_value(word == "true");
      return std::make_shared<const Node>(std::move(to));
    }
    return word == "event" ? path() : nullptr;
  }
  Part path() {
    Node to;
    to.kind = Kind::path;
    while (take(".")) {
      auto member = name();
      if (member.empty()) return nullptr;
      if (!take("(")) {
        to.path.push_back(std::move(member));
        continue;
      }
      if (member != "startsWith" && member != "endsWith" && member != "contains") return nullptr;
      auto argument = operand();
      if (!take(")")) return nullptr;
      return node(Kind::function, {std::make_shared<const Node>(std::move(to)), argument}, member);
    }
    return std::make_shared<const Node>(std::move(to));
  }
  // Without escapes.
  Part text() {
    const auto end = left_.find(left_[0], 1);
    if (end == left_.npos) return nullptr;
    const auto inside = left_.substr(1, end - 1);
    if (inside.find('\\') != inside.npos) return nullptr;
    Node to;
    to.value.set_string_value(std::string(inside));
    left_.remove_prefix(end + 1);
    return std::make_shared<const Node>(std::move(to));
  }
  Part number() {
    double number = 0;
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), number);
    if (error != std::errc()) return nullptr;
    left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
    Node to;
    to.value.set_number_value(number);
    return std::make_shared<const Node>(std::move(to));
  }

  std::string_view left_;
  int depth_ = 0;
};

Struct attributes_of(const TopicEvent& event) {
  Struct to;
  if (!event.extensions.empty() && !JsonStringToMessage(event.extensions, &to).ok()) to.Clear();
  auto& fields = *to.mutable_fields();
  const std::pair<const char*, const std::string*> own[] = {
      {"id", &event.id}, {"source", &event.source}, {"type", &event.type}, {"specversion", &event.spec_version},
      {"datacontenttype", &event.content_type}, {"topic", &event.topic}, {"pubsubname", &event.pubsub}
  };
  for (const auto& [name, value] : own) fields[name].set_string_value(*value);
  auto& data = fields["data"];
  if (!is_json(event.content_type) || !JsonStringToMessage(event.data, &data).ok()) data.set_string_value(event.data);
  return to;
}

template <class T>
bool compared(const std::string& op, const T& a, const T& b) {
  if (op == "==") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  return op == ">" ? a > b : a >= b;
}

std::optional<Value> value_of(const Node& node, const Struct& event);

// Where both are of one kind that can be compared; values of two kinds are different.
std::optional<bool> compare(const std::string& op, const Value& a, const Value& b) {
  if (a.kind_case() == b.kind_case()) {
    if (a.has_string_value()) return compared(op, a.string_value(), b.string_value());
    if (a.has_number_value()) return compared(op, a.number_value(), b.number_value());
    if (a.has_bool_value()) return compared(op, a.bool_value(), b.bool_value());
    return std::nullopt;
  }
  if (op == "==" || op == "!=") return op == "!=";
  return std::nullopt;
}

std::optional<bool> truth_of(const Node& node, const Struct& event) {
  const auto value = value_of(node, event);
  if (!value || !value->has_bool_value()) return std::nullopt;
  return value->bool_value();
}

// One side may decide where the other fails.
std::optional<bool> joined(const Node& node, const Struct& event, bool decides) {
  const auto a = truth_of(*node.parts[0], event), b = truth_of(*node.parts[1], event);
  if (a == decides || b == decides) return decides;
  if (!a || !b) return std::nullopt;
  return !decides;
}

std::optional<bool> function_of(const Node& node, const Struct& event) {
  const auto of = value_of(*node.parts[0], event), with = value_of(*node.parts[1], event);
  if (!of || !with || !of->has_string_value() || !with->has_string_value()) return std::nullopt;
  const auto &text = of->string_value(), &part = with->string_value();
  if (node.name == "startsWith") return text.starts_with(part);
  if (node.name == "endsWith") return text.ends_with(part);
  return text.find(part) != text.npos;
}

std::optional<Value> member_of(const std::vector<std::string>& path, const Struct& event) {
  Value at;
  *at.mutable_struct_value() = event;
  for (const auto& name : path) {
    if (!at.has_struct_value()) return std::nullopt;
    const auto found = at.struct_value().fields().find(name);
    if (found == at.struct_value().fields().end()) return std::nullopt;
    at = Value(found->second);
  }
  return at;
}

std::optional<Value> value_of(const Node& node, const Struct& event) {
  std::optional<bool> truth;
  switch (node.kind) {
    case Kind::constant: return node.value;
    case Kind::path: return member_of(node.path, event);
    case Kind::any: truth = joined(node, event, true); break;
    case Kind::all: truth = joined(node, event, false); break;
    case Kind::has: truth = member_of(node.parts[0]->path, event).has_value(); break;
    case Kind::function: truth = function_of(node, event); break;
    case Kind::negation:
      if (const auto inner = truth_of(*node.parts[0], event)) truth = !*inner;
      break;
    case Kind::compare: {
      const auto a = value_of(*node.parts[0], event), b = value_of(*node.parts[1], event);
      if (a && b) truth = compare(node.name, *a, *b);
      break;
    }
  }
  if (!truth) return std::nullopt;
  Value to;
  to.set_bool_value(*truth);
  return to;
}

}  // namespace

std::string media_type(const std::string& content_type) {
  auto media = content_type.substr(0, content_type.find(';'));
  while (!media.empty() && media.back() == ' ') media.pop_back();
  std::transform(media.begin(), media.end(), media.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  return media;
}

bool is_json(const std::string& content_type) {
  const auto media = media_type(content_type);
  return media == "application/json" || media == "application/cloudevents+json";
}

std::optional<Expression> Expression::parse(std::string_view text) {
  auto root = Parser(text).whole();
  if (!root) return std::nullopt;
  return Expression(std::move(root));
}

std::optional<bool> Expression::holds(const TopicEvent& event) const {
  return truth_of(*root_, attributes_of(event));
}

}  // namespace mecha::testing::detail
