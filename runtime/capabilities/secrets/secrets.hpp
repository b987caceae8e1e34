// Secrets capability: one secret or all of a store, within the scopes of the Configuration (contract 02, section 3).
// Failures come back as the errors of the API. Threads: stateless, from any shard.

#pragma once

#include <optional>
#include <string>

#include "components/secretstores/secret_store.hpp"
#include "runtime/resources/specs.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::secrets {

struct GetRequest {
  std::string store, key;
  Metadata metadata;
};

struct BulkGetRequest {
  std::string store;
  Metadata metadata;
};

// Whether the scopes let the application read `key` of `store`.
bool may_read(const ConfigurationSpec& configuration, std::string_view store, std::string_view key);

class SecretsCapability {
 public:
  // Empty: the store has no map for the key.
  Async<std::optional<SecretMap>> get(RequestScope& scope, GetRequest request);
  // Without what the scopes deny.
  Async<SecretMaps> bulk_get(RequestScope& scope, BulkGetRequest request);
};

}  // namespace mecha::secrets
