#include "runtime/security/api_rules.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::security {

namespace {

std::vector<std::string> keys(std::span<const ApiRule> rules) {
  std::vector<std::string> out;
  for (const ApiRule& rule : rules) {
    if (text::equals_nocase(rule.protocol, "http")) out.push_back(rule.version + "/" + rule.name);
  }
  return out;
}

// The prefix form knows nothing of segments, as in the reference.
bool names(const std::vector<std::string>& list, std::string_view path, std::string_view group) {
  return std::ranges::any_of(list, [&](const std::string& key) {
    return key == group || path.starts_with(key);
  });
}

std::set<std::string, std::less<>> groups(std::span<const ApiRule> rules, const std::set<std::string>& known) {
  std::set<std::string, std::less<>> out;
  for (const ApiRule& rule : rules) {
    auto group = rule.name + "." + rule.version;
    if (rule.protocol == "grpc" && known.contains(group)) out.insert(std::move(group));
  }
  return out;
}

}  // namespace

HttpApiRules::HttpApiRules(std::span<const ApiRule> allowed, std::span<const ApiRule> denied)
    : allowed_(keys(allowed)), denied_(keys(denied)) {}

bool HttpApiRules::registers(std::string_view pattern, std::string_view group, bool always_allowed)
    const {
  if (always_allowed) return true;
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  if (names(denied_, pattern, group)) return false;
  return allowed_.empty() || names(allowed_, pattern, group);
}

GrpcApiRules::GrpcApiRules(
    std::span<const ApiRule> allowed, std::span<const ApiRule> denied, const std::set<std::string>& known
)
    : allowed_(groups(allowed, known)), denied_(groups(denied, known)) {}

bool GrpcApiRules::admits(std::string_view group) const {
  if (group.empty()) return true;
  return !denied_.contains(group) && (allowed_.empty() || allowed_.contains(group));
}

}  // namespace mecha::security
