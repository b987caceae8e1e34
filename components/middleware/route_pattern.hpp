// RoutePattern: a whole path with `{name}` and `{name:expression}` segments (contract 01, 7.4).

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"

namespace re2 {
class RE2;
}

namespace mecha::middleware {

class RoutePattern {
 public:
  using Captures = std::vector<std::pair<std::string, std::string>>;

  // Fails with what is wrong with `pattern`.
  static Result<RoutePattern> compile(std::string_view pattern);
  RoutePattern(RoutePattern&&) noexcept;
  ~RoutePattern();

  // The captured parts in their order, if `path` (unescaped) matches as a whole.
  std::optional<Captures> match(std::string_view path) const;

 private:
  RoutePattern();
  std::unique_ptr<re2::RE2> expression_;
  std::vector<std::string> names_;
};

}  // namespace mecha::middleware
