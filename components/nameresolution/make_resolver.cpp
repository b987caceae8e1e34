// Which resolver a configuration means.

#include <array>

#include "components/nameresolution/resolver.hpp"

namespace mecha::nameresolution {

Result<std::unique_ptr<Resolver>> make_resolver(
    std::string_view type,
    std::string_view version,
    const json::Value& configuration,
    const Self& self,
    const ComponentContext& context
) {
  struct Entry {
    std::string_view type;
    Factory make;
  };
  static constexpr std::array<Entry, 8> entries{
      Entry{"", make_unconfigured},
      Entry{"registry", make_registry},
      Entry{"mdns", make_mdns},
      Entry{"kubernetes", make_kubernetes},
      Entry{"hashicorp.consul", make_consul},
      Entry{"consul", make_consul},
      Entry{"nameformat", make_name_format},
      Entry{"sqlite", make_sqlite},
  };
  const bool first_version = version.empty() || version == "v1" || version == "v0";
  for (const auto& entry : entries) {
    if (first_version && text::equals_nocase(entry.type, type)) {
      return entry.make(configuration, self, context);
    }
  }
  return fail(
      Code::not_found,
      "couldn't find name resolver " + std::string(type) + "/" + (version.empty() ? "v1" : std::string(version))
  );
}

}  // namespace mecha::nameresolution
