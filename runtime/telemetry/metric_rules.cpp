#include "runtime/telemetry/metric_rules.hpp"

#include <cctype>

#include <re2/re2.h>

namespace mecha {

struct MetricRules::Rule {
  std::size_t label;
  std::unique_ptr<re2::RE2> pattern;
  std::string rewrite;
};

namespace {

// Go's "$1", "${1}", "${name}" and "$$" as RE2's "\1"; what names no group is empty.
std::string rewrite_of(std::string_view text, const re2::RE2& pattern) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') out += '\\';
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += text[++i];
      continue;
    }
    const bool braced = text[i + 1] == '{';
    std::size_t end = i + (braced ? 2 : 1);
    const std::size_t begin = end;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
      ++end;
    const std::string name(text.substr(begin, end - begin));
    if (name.empty() || (braced && (end == text.size() || text[end] != '}'))) {
      out += text[i];
      continue;
    }
    const auto& names = pattern.NamedCapturingGroups();
    int group = -1;
    if (name.size() == 1 && std::isdigit(static_cast<unsigned char>(name[0])) != 0)
      group = name[0] - '0';
    if (const auto it = names.find(name); it != names.end()) group = it->second;
    if (group >= 0 && group <= pattern.NumberOfCapturingGroups() && group <= 9)
      out += "\\" + std::to_string(group);
    i = braced ? end : end - 1;
  }
  return out;
}

}  // namespace

MetricRules::MetricRules() = default;
MetricRules::~MetricRules() = default;
MetricRules::MetricRules(MetricRules&&) noexcept = default;
MetricRules& MetricRules::operator=(MetricRules&&) noexcept = default;

Result<void> MetricRules::add(
    std::size_t label, const std::string& pattern, std::string_view replacement
) {
  auto compiled = std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
  if (!compiled->ok())
    return fail(Code::invalid_argument, "error parsing regexp: " + compiled->error());
  std::string rewrite = rewrite_of(replacement, *compiled);
  rules_.push_back({label, std::move(compiled), std::move(rewrite)});
  return {};
}

std::vector<std::string> MetricRules::apply(std::span<const std::string_view> values) const {
  std::vector<std::string> out(values.begin(), values.end());
  for (const Rule& rule : rules_)
    re2::RE2::GlobalReplace(&out[rule.label], *rule.pattern, rule.rewrite);
  return out;
}

}  // namespace mecha
