#include "components/middleware/route_pattern.hpp"

#include <re2/re2.h>

#include "runtime/base/text.hpp"

namespace mecha::middleware {
namespace {

// The end of the braces that open at `open`; npos if they never close.
std::size_t closing(std::string_view pattern, std::size_t open) {
  int depth = 0;
  for (auto i = open; i < pattern.size(); ++i) {
    if (pattern[i] == '{') ++depth;
    if (pattern[i] == '}' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

}  // namespace

RoutePattern::RoutePattern() = default;
RoutePattern::RoutePattern(RoutePattern&&) noexcept = default;
RoutePattern::~RoutePattern() = default;

Result<RoutePattern> RoutePattern::compile(std::string_view pattern) {
  const auto wrong = [&](std::string_view why) {
    return fail(Code::invalid_argument, "route " + text::quote(pattern) + ": " + std::string(why));
  };
  if (!pattern.starts_with('/')) return wrong("it must start with a slash");
  RoutePattern out;
  std::string expression = "^";
  for (std::size_t at = 0; at < pattern.size();) {
    const auto open = pattern.find_first_of("{}", at);
    expression += RE2::QuoteMeta(std::string(pattern.substr(at, open - at)));
    if (open == std::string_view::npos) break;
    const auto close = pattern[open] == '{' ? closing(pattern, open) : std::string_view::npos;
    if (close == std::string_view::npos) return wrong("its braces are not balanced");
    const auto part = pattern.substr(open + 1, close - open - 1);
    const auto colon = part.find(':');
    const auto inner = colon == std::string_view::npos ? std::string_view("[^/]+") : part.substr(colon + 1);
    out.names_.emplace_back(part.substr(0, colon));
    if (out.names_.back().empty() || inner.empty()) return wrong("a name or an expression is missing in " + text::quote(part));
    expression.append("(").append(inner).append(")");
    at = close + 1;
  }
  out.expression_ = std::make_unique<RE2>(expression + "$", RE2::Quiet);
  if (!out.expression_->ok()) return wrong(out.expression_->error());
  if (static_cast<std::size_t>(out.expression_->NumberOfCapturingGroups()) != out.names_.size()) {
    return wrong("its expressions must have no capturing groups");
  }
  return out;
}

std::optional<RoutePattern::Captures> RoutePattern::match(std::string_view path) const {
  std::vector<re2::StringPiece> groups(names_.size() + 1);
  const re2::StringPiece whole(path.data(), path.size());
  if (!expression_->Match(whole, 0, path.size(), RE2::ANCHOR_BOTH, groups.data(), static_cast<int>(groups.size()))) {
    return std::nullopt;
  }
  Captures captures;
  for (std::size_t i = 0; i < names_.size(); ++i) captures.emplace_back(names_[i], std::string(groups[i + 1]));
  return captures;
}

}  // namespace mecha::middleware
