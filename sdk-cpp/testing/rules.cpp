// Reads an expression into a tree, and looks at an event with it.

#include "testing/rules.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <span>
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
  enum class Kind { any, all, negation, has, compare, among, choice, function, size, constant, path };
  // `.name` or `["name"]`, or `[index]`.
  struct Step {
    std::string name;
    int index = -1;
  };
  Kind kind = Kind::constant;
  std::vector<std::shared_ptr<const Node>> parts;
  std::string name;               // of an operator or a function
  std::vector<Step> path;         // below `event`
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
    auto got = choice();
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

  bool take_word(std::string_view word) {
    skip();
    const bool ends = left_.size() == word.size() || (left_.size() > word.size() && !is_name_letter(left_[word.size()]));
    return ends && take(word);
  }

  // What is chosen between may be a choice again, which nests.
  Part choice() {
    if (depth_ == depth_most) return nullptr;
    ++depth_;
    auto got = any();
    if (got && take("?")) {
      auto yes = any();
      got = yes && take(":") ? node(Kind::choice, {got, yes, choice()}) : nullptr;
    }
    --depth_;
    return got;
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
    if (left && take_word("in")) return node(Kind::among, {left, unary()});
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
      auto inner = choice();
      return take(")") ? inner : nullptr;
    }
    if (take("has(")) {
      auto inner = operand();
      if (!inner || inner->kind != Kind::path || inner->path.empty() || last_is_index_) return nullptr;
      return take(")") ? node(Kind::has, {inner}) : nullptr;
    }
    if (take("size(")) {
      auto inner = operand();
      return take(")") ? node(Kind::size, {inner}) : nullptr;
    }
    return operand();
  }
  Part operand() {
    skip();
    if (left_.empty()) return nullptr;
    if (take_word("event")) return path();
    Value value;
    return constant(value) ? constant_node(std::move(value)) : nullptr;
  }
  static Part constant_node(Value value) {
    Node to;
    to.value = std::move(value);
    return std::make_shared<const Node>(std::move(to));
  }
  bool constant(Value& to) {
    skip();
    if (left_.empty()) return false;
    if (left_[0] == '"' || left_[0] == '\'') return text(*to.mutable_string_value());
    if (left_[0] == '-' || (left_[0] >= '0' && left_[0] <= '9')) return number(to);
    if (take("[")) return list(*to.mutable_list_value());
    const auto word = name();
    if (word == "true" || word == "false") return to.set_bool_value(word == "true"), true;
    if (word == "null") return to.set_null_value(google::protobuf::NULL_VALUE), true;
    return false;
  }
  bool list(google::protobuf::ListValue& to) {
    if (depth_ == depth_most) return false;
    if (take("]")) return true;
    ++depth_;
    do {
      if (!constant(*to.add_values())) return false;
    } while (take(","));
    --depth_;
    return take("]");
  }
  Part path() {
    Node to;
    to.kind = Kind::path;
    for (last_is_index_ = false;;) {
      if (take("[")) {
        Value index;
        if (!constant(index) || !take("]") || !add_index(to, index)) return nullptr;
        last_is_index_ = true;
        continue;
      }
      if (!take(".")) break;
      auto member = name();
      if (member.empty()) return nullptr;
      if (!take("(")) {
        to.path.push_back({std::move(member)});
        last_is_index_ = false;
        continue;
      }
      if (member == "size") return take(")") ? node(Kind::size, {std::make_shared<const Node>(std::move(to))}) : nullptr;
      if (member != "startsWith" && member != "endsWith" && member != "contains") return nullptr;
      auto argument = operand();
      if (!take(")")) return nullptr;
      return node(Kind::function, {std::make_shared<const Node>(std::move(to)), argument}, member);
    }
    return std::make_shared<const Node>(std::move(to));
  }
  static bool add_index(Node& to, const Value& index) {
    if (index.has_string_value()) return to.path.push_back({index.string_value()}), true;
    const double number = index.has_number_value() ? index.number_value() : -1;
    if (number < 0 || number > 1'000'000 || number != static_cast<int>(number)) return false;
    return to.path.push_back({"", static_cast<int>(number)}), true;
  }
  // On one line, with the escapes of one letter.
  bool text(std::string& to) {
    const char quote = left_[0];
    for (left_.remove_prefix(1); !left_.empty() && left_[0] != quote; left_.remove_prefix(1)) {
      if (left_[0] == '\n') return false;
      if (left_[0] != '\\') {
        to += left_[0];
        continue;
      }
      constexpr std::string_view from = "\\\"'`?nrt", into = "\\\"'`?\n\r\t";
      const auto which = left_.size() < 2 ? from.npos : from.find(left_[1]);
      if (which == from.npos) return false;
      to += into[which];
      left_.remove_prefix(1);
    }
    if (left_.empty()) return false;
    left_.remove_prefix(1);
    return true;
  }
  bool number(Value& to) {
    double number = 0;
    if (left_[0] == '-' && (left_.size() < 2 || left_[1] < '0' || left_[1] > '9')) return false;
    const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), number);
    if (error != std::errc() || end[-1] == '.') return false;
    left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
    to.set_number_value(number);
    return true;
  }

  std::string_view left_;
  int depth_ = 0;
  bool last_is_index_ = false;  // of the last path
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

// Values of two kinds are different.
bool equal(const Value& a, const Value& b) {
  if (a.kind_case() != b.kind_case()) return false;
  if (a.has_string_value()) return a.string_value() == b.string_value();
  if (a.has_number_value()) return compared("==", a.number_value(), b.number_value());
  if (a.has_bool_value()) return a.bool_value() == b.bool_value();
  if (a.has_list_value()) {
    const auto &left = a.list_value().values(), &right = b.list_value().values();
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), equal);
  }
  if (!a.has_struct_value()) return true;
  const auto &left = a.struct_value().fields(), &right = b.struct_value().fields();
  return left.size() == right.size() && std::all_of(left.begin(), left.end(), [&](const auto& member) {
    const auto found = right.find(member.first);
    return found != right.end() && equal(member.second, found->second);
  });
}

// Order is there between texts, between numbers and between truth values.
std::optional<bool> compare(const std::string& op, const Value& a, const Value& b) {
  if (op == "==" || op == "!=") return equal(a, b) == (op == "==");
  if (a.kind_case() != b.kind_case()) return std::nullopt;
  if (a.has_string_value()) return compared(op, a.string_value(), b.string_value());
  if (a.has_number_value()) return compared(op, a.number_value(), b.number_value());
  if (a.has_bool_value()) return compared(op, a.bool_value(), b.bool_value());
  return std::nullopt;
}

// Whether a list has it, or a map has it as a key.
std::optional<bool> among(const Value& value, const Value& in) {
  if (in.has_struct_value()) return value.has_string_value() && in.struct_value().fields().contains(value.string_value());
  if (!in.has_list_value()) return std::nullopt;
  const auto& values = in.list_value().values();
  return std::any_of(values.begin(), values.end(), [&](const Value& one) { return equal(one, value); });
}

// Of a text in characters.
std::optional<Value> size_of(const std::optional<Value>& of) {
  if (!of) return std::nullopt;
  Value to;
  if (of->has_string_value()) {
    const auto& text = of->string_value();
    to.set_number_value(static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; })));
  } else if (of->has_list_value()) {
    to.set_number_value(of->list_value().values_size());
  } else if (of->has_struct_value()) {
    to.set_number_value(static_cast<double>(of->struct_value().fields().size()));
  } else {
    return std::nullopt;
  }
  return to;
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

std::optional<Value> member_of(std::span<const Node::Step> path, const Struct& event) {
  Value at;
  *at.mutable_struct_value() = event;
  for (const auto& step : path) {
    if (step.index >= 0) {
      if (!at.has_list_value() || step.index >= at.list_value().values_size()) return std::nullopt;
      at = Value(at.list_value().values(step.index));
      continue;
    }
    if (!at.has_struct_value()) return std::nullopt;
    const auto found = at.struct_value().fields().find(step.name);
    if (found == at.struct_value().fields().end()) return std::nullopt;
    at = Value(found->second);
  }
  return at;
}

// What stands before the last name must be there, and be no list.
std::optional<bool> has(std::span<const Node::Step> path, const Struct& event) {
  const auto& last = path.back().name;
  const auto of = member_of(path.first(path.size() - 1), event);
  if (!of || of->has_list_value()) return std::nullopt;
  return of->has_struct_value() && of->struct_value().fields().contains(last);
}

std::optional<Value> value_of(const Node& node, const Struct& event) {
  std::optional<bool> truth;
  switch (node.kind) {
    case Kind::constant: return node.value;
    case Kind::path: return member_of(node.path, event);
    case Kind::any: truth = joined(node, event, true); break;
    case Kind::all: truth = joined(node, event, false); break;
    case Kind::has: truth = has(node.parts[0]->path, event); break;
    case Kind::size: return size_of(value_of(*node.parts[0], event));
    case Kind::choice: {
      const auto which = truth_of(*node.parts[0], event);
      return which ? value_of(*node.parts[*which ? 1 : 2], event) : std::nullopt;
    }
    case Kind::among: {
      const auto a = value_of(*node.parts[0], event), b = value_of(*node.parts[1], event);
      if (a && b) truth = among(*a, *b);
      break;
    }
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
