// Contract of secret stores (contract 02, section 3). Scopes belong to the capability, not to the store.
//
// A secret is a map of texts: most stores answer one entry, named like the secret. A secret that is missing is a failure
// with the store's own text ("secret x not found"), unless the store has no such notion; an empty optional means that the
// store has no map at all for the name (204 on HTTP). Threads: any shard, at the same time.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "components/component.hpp"

namespace mecha::secrets {

using SecretMap = std::map<std::string, std::string, std::less<>>;
using SecretMaps = std::map<std::string, SecretMap, std::less<>>;

// The feature of stores whose secrets have several entries.
inline constexpr std::string_view kMultipleKeyValues = "MULTIPLE_KEY_VALUES_PER_SECRET";

class SecretStore : public Component {
 public:
  virtual Async<std::optional<SecretMap>> get(std::string name, Metadata metadata) = 0;
  virtual Async<SecretMaps> bulk_get(Metadata metadata) = 0;
};

}  // namespace mecha::secrets
