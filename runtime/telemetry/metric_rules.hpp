// Rules that rewrite label values (Configuration spec.metric.rules): replace-all, Go's regexp
// syntax.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha {

// The rules of one family.
class MetricRules {
 public:
  MetricRules();
  ~MetricRules();
  MetricRules(MetricRules&&) noexcept;
  MetricRules& operator=(MetricRules&&) noexcept;

  Result<void> add(std::size_t label, const std::string& pattern, std::string_view replacement);
  // The values after all rules, in the order in which they were added.
  std::vector<std::string> apply(std::span<const std::string_view> values) const;

 private:
  struct Rule;
  std::vector<Rule> rules_;
};

}  // namespace mecha
