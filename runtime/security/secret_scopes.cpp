#include "runtime/security/secret_scopes.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::security {

bool secret_allowed(
    std::span<const SecretScope> scopes, std::string_view store, std::string_view key
) {
  const auto scope = std::find_if(scopes.rbegin(), scopes.rend(), [&](const SecretScope& s) {
    return s.store == store;
  });
  if (scope == scopes.rend()) return true;
  const auto lists = [key](const std::vector<std::string>& names) {
    return std::ranges::find(names, key) != names.end();
  };
  if (!scope->allowed.empty()) return lists(scope->allowed);
  if (lists(scope->denied)) return false;
  return !text::equals_nocase(scope->default_access, "deny");
}

}  // namespace mecha::security
