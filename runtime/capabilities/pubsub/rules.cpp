#include "runtime/capabilities/pubsub/rules.hpp"

#include "runtime/base/text.hpp"

namespace mecha::pubsub {

Result<Rules> Rules::compile(const std::vector<RouteRule>& rules) {
  Rules compiled;
  for (const auto& rule : rules) {
    Rule& next = compiled.rules_.emplace_back();
    next.path = rule.path;
    if (text::trim(rule.match).empty()) continue;
    MECHA_TRY(auto expression, cel::Expression::compile(rule.match));
    next.when = std::move(expression);
  }
  return compiled;
}

Result<std::optional<std::string>> Rules::match(const json::Value& event) const {
  cel::Bindings bindings;
  bindings.set("event", event);
  for (const auto& rule : rules_) {
    if (!rule.when) return rule.path;
    MECHA_TRY(const bool holds, rule.when->evaluate_bool(bindings));
    if (holds) return rule.path;
  }
  return std::nullopt;
}

}  // namespace mecha::pubsub
