// middleware.http.routeralias: other paths for invocations (contract 01, 7.4).

#include <map>

#include "components/catalog.hpp"
#include "components/middleware/middleware.hpp"
#include "components/middleware/route_pattern.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/yaml.hpp"

namespace mecha::middleware {
namespace {

struct AliasSettings {
  std::string routes;
  Rest items;

  static constexpr auto fields() {
    using S = AliasSettings;
    return std::tuple{
        field("routes", &S::routes, "Map of patterns to paths, as JSON or YAML text; the first that matches counts."),
        field("*", &S::items, "Without `routes`, every item is a pattern and its value the path."),
    };
  }
};

struct Alias {
  RoutePattern pattern;
  std::string target;
};

// What may stand in a path as it is, besides what never needs an escape.
constexpr std::string_view kPathMarks = "/$&+,:;=@!'()*%";

std::string escape_query(std::string_view text) { return text::replace_all(text::escape(text), "%20", "+"); }

// The query with `captures` added, sorted by name, as it is written anew.
std::string joined_query(std::string_view query, const RoutePattern::Captures& captures) {
  std::multimap<std::string, std::string> pairs;  // keeps the order of equal names
  for (auto& pair : text::parse_query(query)) pairs.insert(std::move(pair));
  pairs.insert(captures.begin(), captures.end());
  std::vector<std::string> parts;
  for (const auto& [name, value] : pairs) parts.push_back(escape_query(name) + "=" + escape_query(value));
  return text::join(parts, "&");
}

class RouterAlias final : public Middleware {
 public:
  using Settings = AliasSettings;
  static constexpr ComponentInfo info{"middleware.http.routeralias", "v1", "Other paths for invocations."};

  RouterAlias(Settings settings, const ComponentContext&) : settings_(std::move(settings)) {}

  static Result<std::vector<Alias>> check(const Settings& settings) {
    std::vector<Alias> aliases;
    if (settings.routes.empty()) {
      for (const auto& [pattern, target] : settings.items) MECHA_TRY_VOID(add(aliases, pattern, target));
      return aliases;
    }
    MECHA_TRY(const auto map, yaml::parse(settings.routes));
    if (!map.is(yaml::Node::Kind::map)) return fail(Code::invalid_argument, "routes is no map of patterns to paths");
    for (const auto& [pattern, target] : map.members) {
      if (!target.is_scalar()) {
        return fail(Code::invalid_argument, "routes: the path of " + text::quote(pattern) + " is no text");
      }
      MECHA_TRY_VOID(add(aliases, pattern, target.value));
    }
    return aliases;
  }

  Async<void> start() override {
    MECHA_CO_TRY(aliases_, check(settings_));
    co_return Result<void>{};
  }

  asio::awaitable<std::optional<Reply>> enter(net::RequestHead& request, std::string, Step&) override {
    const auto path = text::unescape_path(request.path()).value_or(std::string(request.path()));
    for (const auto& alias : aliases_) {
      const auto captures = alias.pattern.match(path);
      if (!captures) continue;
      const auto query = captures->empty() ? std::string(request.query()) : joined_query(request.query(), *captures);
      request.target = alias.target + (query.empty() ? "" : "?" + query);
      break;
    }
    co_return std::nullopt;
  }

 private:
  static Result<void> add(std::vector<Alias>& aliases, const std::string& pattern, const std::string& target) {
    if (pattern.empty() || target.empty()) {
      return fail(Code::invalid_argument, "invalid key/value pair in metadata: must not be empty");
    }
    MECHA_TRY(auto compiled, RoutePattern::compile(pattern));
    const auto path = target.starts_with('/') ? target : "/" + target;
    aliases.push_back({.pattern = std::move(compiled), .target = text::escape(path, kPathMarks)});
    return {};
  }

  Settings settings_;
  std::vector<Alias> aliases_;
};

}  // namespace

void register_routeralias(Catalog& catalog) { catalog.add<RouterAlias>(); }

}  // namespace mecha::middleware
