#include "runtime/security/operation_trie.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::security {

namespace {

// `*` stands for any characters. Linear in practice: only the last star is tried again.
bool glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

void OperationTrie::insert(std::string_view path, OperationAction action) {
  Node* node = &root_;
  for (const std::string_view segment : text::path_segments(path)) {
    const auto known = std::ranges::find_if(node->children, [&](const auto& child) {
      return child->segment == segment;
    });
    if (known != node->children.end()) {
      node = known->get();
      continue;
    }
    node->children.push_back(std::make_unique<Node>());
    node->children.back()->segment = segment;
    node = node->children.back().get();
  }
  if (!node->action) node->action = std::make_unique<OperationAction>(std::move(action));
}

const OperationAction* OperationTrie::find(std::string_view path) const {
  return find_below(root_, text::path_segments(path), 0);
}

const OperationAction* OperationTrie::find_below(
    const Node& node, const std::vector<std::string_view>& segments, std::size_t index
) {
  for (const auto& child : node.children) {
    if (child->segment == "**" && child->action) return child->action.get();
    if (!glob(child->segment, segments[index])) continue;
    if (index + 1 == segments.size()) {
      if (child->action) return child->action.get();
    } else if (const auto* found = find_below(*child, segments, index + 1)) {
      return found;
    }
  }
  return nullptr;
}

}  // namespace mecha::security
