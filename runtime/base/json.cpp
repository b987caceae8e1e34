// Values: kinds, copies, comparison. Nothing here recurses, as a document may be 10,000 levels deep.

#include "runtime/base/json.hpp"

#include <cmath>
#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/base/text.hpp"

namespace mecha::json {
namespace {

bool is_container(const Value& value) { return value.is_array() || value.is_object(); }

template <class Visit>
void each_child(Value& value, Visit visit) {
  if (value.is_array()) {
    for (Value& child : value.as_array()) visit(child);
  } else if (value.is_object()) {
    for (auto& [name, child] : value.as_object()) visit(child);
  }
}

}  // namespace

Value::Value(int n) : Value(static_cast<std::int64_t>(n)) {}
Value::Value(std::int64_t n) : data_(Number{std::to_string(n)}) {}
Value::Value(std::uint64_t n) : data_(Number{std::to_string(n)}) {}
Value::Value(double n) {
  if (std::isfinite(n)) data_ = Number{format_double(n)};
}
Value::Value(Array a) : data_(std::make_unique<Array>(std::move(a))) {}
Value::Value(Object o) : data_(std::make_unique<Object>(std::move(o))) {}

Value::Value(const Value& other) { *this = other; }

Value& Value::operator=(const Value& other) {
  if (this == &other) return *this;
  Value copy;
  std::vector<std::pair<const Value*, Value*>> open{{&other, &copy}};
  const auto clone = [&open](const Value& from, Value& to) {
    if (is_container(from)) {
      open.emplace_back(&from, &to);
    } else if (from.is_string()) {
      to.data_ = from.as_string();
    } else if (from.is_number()) {
      to.data_ = std::get<Number>(from.data_);
    } else if (from.is_bool()) {
      to.data_ = from.as_bool();
    }
  };
  if (!is_container(other)) {
    open.clear();
    clone(other, copy);
  }
  while (!open.empty()) {
    const auto [from, to] = open.back();
    open.pop_back();
    if (from->is_array()) {
      const Array& source = from->as_array();
      auto array = std::make_unique<Array>(source.size());
      for (std::size_t i = 0; i < source.size(); ++i) clone(source[i], (*array)[i]);
      to->data_ = std::move(array);
    } else {
      auto object = std::make_unique<Object>();
      for (const auto& [name, child] : from->as_object()) clone(child, object->try_emplace(object->end(), name)->second);
      to->data_ = std::move(object);
    }
  }
  // Not assigned at once: `other` may be a part of this value.
  std::swap(data_, copy.data_);
  return *this;
}

void Value::clear() noexcept {
  // Ordinary documents are destroyed by plain recursion, which allocates nothing; only deep ones go through a list.
  constexpr int kPlainMax = 64;
  thread_local int depth = 0;
  if (depth < kPlainMax) {
    ++depth;
    data_.emplace<std::monostate>();
    --depth;
    return;
  }
  std::vector<Value> open;
  const auto adopt = [&open](Value& child) {
    if (is_container(child)) open.push_back(std::move(child));
  };
  each_child(*this, adopt);
  while (!open.empty()) {
    Value value = std::move(open.back());
    open.pop_back();
    each_child(value, adopt);
    value.data_.emplace<std::monostate>();  // flat by now
  }
}

bool Value::operator==(const Value& other) const {
  std::vector<std::pair<const Value*, const Value*>> open{{this, &other}};
  while (!open.empty()) {
    const auto [a, b] = open.back();
    open.pop_back();
    if (a->data_.index() != b->data_.index()) return false;
    if (a->is_bool() && a->as_bool() != b->as_bool()) return false;
    if (a->is_string() && a->as_string() != b->as_string()) return false;
    if (a->is_number() && a->number_text() != b->number_text() && a->as_double() != b->as_double()) return false;
    if (a->is_array()) {
      if (a->as_array().size() != b->as_array().size()) return false;
      for (std::size_t i = 0; i < a->as_array().size(); ++i) open.emplace_back(&a->as_array()[i], &b->as_array()[i]);
    }
    if (a->is_object()) {
      if (a->as_object().size() != b->as_object().size()) return false;
      auto at = b->as_object().begin();
      for (const auto& [name, child] : a->as_object()) {
        if (name != at->first) return false;
        open.emplace_back(&child, &at->second);
        ++at;
      }
    }
  }
  return true;
}

bool Value::as_bool() const {
  MECHA_CHECK(is_bool());
  return std::get<bool>(data_);
}

const std::string& Value::as_string() const {
  MECHA_CHECK(is_string());
  return std::get<std::string>(data_);
}

std::string& Value::as_string() {
  MECHA_CHECK(is_string());
  return std::get<std::string>(data_);
}

const std::string& Value::number_text() const {
  MECHA_CHECK(is_number());
  return std::get<Number>(data_).text;
}

const Array& Value::as_array() const {
  MECHA_CHECK(is_array());
  return *std::get<std::unique_ptr<Array>>(data_);
}

Array& Value::as_array() {
  MECHA_CHECK(is_array());
  return *std::get<std::unique_ptr<Array>>(data_);
}

const Object& Value::as_object() const {
  MECHA_CHECK(is_object());
  return *std::get<std::unique_ptr<Object>>(data_);
}

Object& Value::as_object() {
  MECHA_CHECK(is_object());
  return *std::get<std::unique_ptr<Object>>(data_);
}

const Value* Value::find(std::string_view name) const {
  if (!is_object()) return nullptr;
  const auto at = as_object().find(name);
  return at == as_object().end() ? nullptr : &at->second;
}

const Value* Value::find_nocase(std::string_view name) const {
  if (const Value* exact = find(name)) return exact;
  if (!is_object()) return nullptr;
  for (const auto& [key, value] : as_object()) {
    if (text::equals_nocase(key, name)) return &value;
  }
  return nullptr;
}

std::string_view Value::text(std::string_view name) const {
  const Value* member = find(name);
  return member != nullptr && member->is_string() ? std::string_view(member->as_string()) : std::string_view();
}

const Value* out_of_range(const Value& value) {
  std::vector<const Value*> open{&value};
  while (!open.empty()) {
    const Value* next = open.back();
    open.pop_back();
    if (next->is_number() && !std::isfinite(next->as_double())) return next;
    if (next->is_array()) {
      for (auto at = next->as_array().rbegin(); at != next->as_array().rend(); ++at) open.push_back(&*at);
    }
    if (next->is_object()) {
      for (auto at = next->as_object().rbegin(); at != next->as_object().rend(); ++at) open.push_back(&at->second);
    }
  }
  return nullptr;
}

}  // namespace mecha::json
