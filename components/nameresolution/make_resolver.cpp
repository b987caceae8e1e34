// Which resolver a configuration means.

#include <array>

#include "components/nameresolution/resolver.hpp"

namespace mecha::nameresolution {
namespace {

struct Entry {
  std::string_view type;
  Factory make;
};
constexpr std::array<Entry, 8> kEntries{
    Entry{"", make_unconfigured},
    Entry{"registry", make_registry},
    Entry{"mdns", make_mdns},
    Entry{"kubernetes", make_kubernetes},
    Entry{"hashicorp.consul", make_consul},
    Entry{"consul", make_consul},
    Entry{"nameformat", make_name_format},
    Entry{"sqlite", make_sqlite},
};

}  // namespace

Result<std::unique_ptr<Resolver>> make_resolver(
    std::string_view type,
    std::string_view version,
    const json::Value& configuration,
    const Self& self,
    const ComponentContext& context
) {
  const bool first_version = version.empty() || version == "v1" || version == "v0";
  for (const auto& entry : kEntries) {
    if (first_version && text::equals_nocase(entry.type, type)) {
      return entry.make(configuration, self, context);
    }
  }
  return fail(
      Code::not_found,
      "couldn't find name resolver " + std::string(type) + "/" + (version.empty() ? "v1" : std::string(version))
  );
}

std::vector<std::string> resolver_names() {
  std::vector<std::string> names;
  for (const auto& entry : kEntries) {
    if (!entry.type.empty()) names.emplace_back(entry.type);
  }
  return names;
}

}  // namespace mecha::nameresolution
