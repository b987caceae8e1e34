#include "api/http/router.hpp"

#include <algorithm>

namespace mecha::api {
namespace {

// Cuts the first segment off `path`, which starts with a slash or is empty.
std::string_view next_segment(std::string_view& path) {
  const auto end = std::min(path.find('/', 1), path.size());
  const auto segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

}  // namespace

std::string_view clean_escaped_path(std::string_view path, std::string& buffer) {
  const bool dirty = path.empty() || path.front() != '/' || path.find("//") != std::string_view::npos ||
                     path.find("/.") != std::string_view::npos ||
                     (path.size() > 1 && path.back() == '/');
  if (!dirty) return path;
  buffer = text::clean_path("/" + std::string(path));
  return buffer;
}

void Router::add(HttpRoute added) {
  routes_.push_back(std::make_unique<HttpRoute>(std::move(added)));
  const HttpRoute* route = routes_.back().get();
  Node* node = &root_;
  for (std::string_view left = route->pattern; !left.empty();) {
    const auto segment = next_segment(left);
    if (segment == "*") {
      node->rest.push_back(route);
      return;
    }
    auto& child = segment.starts_with('{') ? node->parameter : node->segments[std::string(segment)];
    if (!child) child = std::make_unique<Node>();
    node = child.get();
  }
  node->here.push_back(route);
}

bool Router::pick(const std::vector<const HttpRoute*>& routes, std::string_view method, Match& match) {
  for (const auto* route : routes) {
    const auto& methods = route->methods;
    if (methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end()) {
      match.route = route;
      return true;
    }
    for (const auto& other : methods) {
      if (match.allowed.find(other) != std::string::npos) continue;
      match.allowed.append(match.allowed.empty() ? "" : ", ").append(other);
    }
  }
  return false;
}

bool Router::find(const Node& node, std::string_view method, std::string_view path, Match& match) {
  if (path.empty()) return pick(node.here, method, match);
  auto left = path;
  const auto segment = next_segment(left);
  if (const auto it = node.segments.find(segment); it != node.segments.end()) {
    if (find(*it->second, method, left, match)) return true;
  }
  if (node.parameter && !segment.empty()) {
    match.parameters.push_back(segment);
    if (find(*node.parameter, method, left, match)) return true;
    match.parameters.pop_back();
  }
  if (!node.rest.empty() && path.size() > 1 && pick(node.rest, method, match)) {
    match.parameters.push_back(path.substr(1));
    return true;
  }
  return false;
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match match;
  find(root_, method, path == "/" ? std::string_view() : path, match);
  return match;
}

}  // namespace mecha::api
