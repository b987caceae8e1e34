#include "runtime/resources/specs.hpp"

#include <algorithm>

namespace mecha {
namespace {

bool same(const NameValue& a, const NameValue& b) {
  const auto secret = [](const NameValue& v) {
    return v.secret ? std::pair(v.secret->name, v.secret->key) : std::pair<std::string, std::string>();
  };
  return a.name == b.name && a.value == b.value && a.has_value == b.has_value && a.env == b.env &&
         a.secret.has_value() == b.secret.has_value() && secret(a) == secret(b);
}

}  // namespace

// Of repeated items the last wins.
std::optional<std::string_view> ComponentSpec::value(std::string_view item) const {
  const NameValue* found = nullptr;
  for (const auto& candidate : metadata) {
    if (text::equals_nocase(candidate.name, item)) found = &candidate;
  }
  return found == nullptr ? std::nullopt : std::optional<std::string_view>(found->value);
}

std::string ComponentSpec::title() const {
  return name + " (" + type + (version.empty() ? "" : "/" + version) + ")";
}

bool ComponentSpec::operator==(const ComponentSpec& other) const {
  return name == other.name && name_space == other.name_space && type == other.type && version == other.version &&
         ignore_errors == other.ignore_errors && init_timeout == other.init_timeout &&
         secret_store == other.secret_store && scopes == other.scopes &&
         std::ranges::equal(metadata, other.metadata, same);
}

}  // namespace mecha
