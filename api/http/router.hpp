// Router: from a method and a cleaned, still escaped path to a route (contract 01, 1.4). Built once, read by all shards.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/route.hpp"

namespace mecha::api {

// Duplicate slashes merged, `.` and `..` resolved, trailing slash cut. Returns `path` itself when it is clean already.
std::string_view clean_escaped_path(std::string_view path, std::string& buffer);

class Router {
 public:
  struct Match {
    const HttpRoute* route = nullptr;              // null: no route for this path and method
    std::vector<std::string_view> parameters;      // still escaped
    std::string allowed;                           // methods of the path, if it matches with others only
  };

  void add(HttpRoute route);
  // `path` starts with a slash and is clean.
  Match match(std::string_view method, std::string_view path) const;
  const std::vector<std::unique_ptr<HttpRoute>>& routes() const { return routes_; }

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> segments;
    std::unique_ptr<Node> parameter;
    std::vector<const HttpRoute*> rest;  // the pattern ends in `*` here
    std::vector<const HttpRoute*> here;
  };
  static bool find(const Node& node, std::string_view method, std::string_view path, Match& match);
  static bool pick(const std::vector<const HttpRoute*>& routes, std::string_view method, Match& match);

  std::vector<std::unique_ptr<HttpRoute>> routes_;
  Node root_;
};

}  // namespace mecha::api
