// Routing rules: the part of CEL that rules are written in most.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mecha/subscribe.h"

namespace mecha::testing::detail {

/// Without parameters, in lower case.
std::string media_type(const std::string& content_type);
/// Whether data of an event of this type is a value, not a text.
bool is_json(const std::string& content_type);

/// An expression that was understood. It compares (`==`, `!=`, `<`, `<=`, `>`, `>=`, `in`) attributes of
/// the event, such as `event.type`, `event.data["items"]` and `event.data.list[0]`, with texts, numbers,
/// truth values, `null` and lists of these, asks `has(event.data.vip)`, `size(...)`, `.size()` and
/// `.startsWith("a")`, `.endsWith`, `.contains`, and joins that with `&&`, `||`, `!`, `? :` and
/// parentheses. Immutable; any thread.
class Expression {
 public:
  struct Node;

  /// Nothing where the text has more of CEL than that.
  static std::optional<Expression> parse(std::string_view text);

  /// Whether it holds; nothing where it fails, as it does over an attribute that is not there.
  std::optional<bool> holds(const TopicEvent& event) const;

 private:
  explicit Expression(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  std::shared_ptr<const Node> root_;
};

}  // namespace mecha::testing::detail
