#include "runtime/resources/view.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha {

using Kind = yaml::Node::Kind;

View::View(Findings& findings, const yaml::Node* node, std::string path)
    : findings_(&findings), node_(node), path_(std::move(path)) {
  if (node_ == nullptr || node_->is(Kind::map)) return;
  if (!node_->is(Kind::null)) {
    problem((path_.empty() ? "the document" : path_) + " must be a map, got " + std::string(yaml::kind_name(node_->kind)));
  }
  node_ = nullptr;
}

std::string View::inner(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

void View::problem(std::string text) {
  const std::string place = node_ != nullptr && node_->line > 0 ? "line " + std::to_string(node_->line) + ": " : "";
  findings_->problems.push_back(place + std::move(text));
}

void View::problem_at(std::string_view name, std::string_view what) {
  const auto* node = node_ == nullptr ? nullptr : node_->find(name);
  const int line = node != nullptr ? node->line : this->line();
  const std::string place = line > 0 ? "line " + std::to_string(line) + ": " : "";
  findings_->problems.push_back(place + inner(name) + " " + std::string(what));
}

std::nullopt_t View::wrong(std::string_view name, const yaml::Node& node, std::string_view wanted) {
  problem_at(name, "must be " + std::string(wanted) + ", got " + std::string(yaml::kind_name(node.kind)));
  return std::nullopt;
}

bool View::has(std::string_view name) const {
  const auto* node = node_ == nullptr ? nullptr : node_->find(name);
  return node != nullptr && !node->is(Kind::null);
}

const yaml::Node* View::take(std::string_view name) {
  const auto* node = node_ == nullptr ? nullptr : node_->find(name);
  if (node != nullptr) used_.push_back(node);
  return node != nullptr && !node->is(Kind::null) ? node : nullptr;
}

const yaml::Node* View::raw(std::string_view name) { return take(name); }

std::string View::text(std::string_view name) {
  const auto* node = take(name);
  if (node == nullptr) return {};
  if (node->is_scalar()) return node->value;
  wrong(name, *node, "a text");
  return {};
}

std::optional<bool> View::flag(std::string_view name) {
  const auto* node = take(name);
  if (node == nullptr) return std::nullopt;
  if (!node->is(Kind::boolean)) return wrong(name, *node, "a boolean");
  return node->value == "true";
}

std::optional<std::int64_t> View::integer(std::string_view name) {
  const auto* node = take(name);
  if (node == nullptr) return std::nullopt;
  const auto value = node->is(Kind::number) ? text::to_int(node->value) : std::nullopt;
  if (!value) return wrong(name, *node, "a whole number");
  return value;
}

View View::object(std::string_view name) { return View(*findings_, take(name), inner(name)); }

std::vector<View> View::objects(std::string_view name) {
  std::vector<View> list;
  const auto* node = take(name);
  if (node == nullptr) return list;
  if (!node->is(Kind::list)) {
    wrong(name, *node, "a list");
    return list;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    list.emplace_back(*findings_, &node->items[i], inner(name) + "[" + std::to_string(i) + "]");
  }
  return list;
}

std::vector<std::string> View::texts(std::string_view name) {
  std::vector<std::string> list;
  const auto* node = take(name);
  if (node == nullptr) return list;
  const bool good = node->is(Kind::list) &&
                    std::ranges::all_of(node->items, [](const auto& i) { return i.is_scalar() || i.is(Kind::null); });
  if (!good) {
    wrong(name, *node, "a list of texts");
    return list;
  }
  for (const auto& item : node->items) list.push_back(item.value);
  return list;
}

std::vector<double> View::numbers(std::string_view name) {
  std::vector<double> list;
  const auto* node = take(name);
  if (node == nullptr) return list;
  const bool good = node->is(Kind::list) &&
                    std::ranges::all_of(node->items, [](const auto& i) { return i.is(Kind::number); });
  if (!good) {
    wrong(name, *node, "a list of numbers");
    return list;
  }
  for (const auto& item : node->items) list.push_back(text::to_double(item.value).value_or(0));
  return list;
}

std::map<std::string, std::string, std::less<>> View::text_map(std::string_view name, bool written) {
  std::map<std::string, std::string, std::less<>> map;
  const auto* node = take(name);
  if (node == nullptr) return map;
  const bool good = node->is(Kind::map) && std::ranges::all_of(node->members, [](const auto& m) {
                      return m.node.is_scalar() || m.node.is(Kind::null);
                    });
  if (!good) {
    wrong(name, *node, "a map of texts");
    return map;
  }
  for (const auto& [key, scalar] : node->members) {
    const bool raw = written && !scalar.written.empty() && !scalar.is(Kind::null);
    map.insert_or_assign(key, raw ? scalar.written : scalar.value);
  }
  return map;
}

std::vector<std::pair<std::string, View>> View::entries(std::string_view name) {
  std::vector<std::pair<std::string, View>> list;
  const auto* node = take(name);
  if (node == nullptr) return list;
  if (!node->is(Kind::map)) {
    wrong(name, *node, "a map");
    return list;
  }
  for (const auto& member : node->members) {
    list.emplace_back(member.name, View(*findings_, &member.node, inner(name) + "." + member.name));
  }
  return list;
}

void View::done() {
  if (node_ == nullptr) return;
  for (const auto& member : node_->members) {
    if (std::ranges::find(used_, &member.node) != used_.end()) continue;
    findings_->unknown.push_back({.field = inner(member.name), .line = member.node.line});
  }
}

}  // namespace mecha
