// Operations of an access policy by path (contract 06, 5.3): exact segments, `*` inside a segment,
// a last `/*` for one segment, `/**` for any remainder. Of several that match the one inserted
// first wins.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mecha::security {

struct OperationAction {
  std::string action;
  std::vector<std::string> verbs;  // as written
};

class OperationTrie {
 public:
  // A leading slash is added. The same path again changes nothing.
  void insert(std::string_view path, OperationAction action);
  const OperationAction* find(std::string_view path) const;

 private:
  struct Node {
    std::string segment;
    std::unique_ptr<OperationAction> action;
    std::vector<std::unique_ptr<Node>> children;
  };
  static const OperationAction* find_below(
      const Node& node, const std::vector<std::string_view>& segments, std::size_t index
  );

  Node root_;
};

}  // namespace mecha::security
