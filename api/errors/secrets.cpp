#include "api/errors/secrets.hpp"

#include <string>

#include "api/errors/common.hpp"

namespace mecha::errors {

Error secret_stores_not_configured() {
  return plain("ERR_SECRET_STORES_NOT_CONFIGURED", 500, Code::failed_precondition, "secret store is not configured");
}

Error secret_store_not_found(std::string_view store) {
  return plain(
      "ERR_SECRET_STORE_NOT_FOUND", 401, Code::invalid_argument, "failed finding secret store with key " + std::string(store)
  );
}

Error secret_denied(std::string_view key, std::string_view store) {
  return plain(
      "ERR_PERMISSION_DENIED",
      403,
      Code::permission_denied,
      "access denied by policy to get \"" + std::string(key) + "\" from \"" + std::string(store) + "\""
  );
}

Error secret_get(std::string_view key, std::string_view store, std::string_view cause) {
  return plain(
      "ERR_SECRET_GET",
      500,
      Code::internal,
      "failed getting secret with key " + std::string(key) + " from secret store " + std::string(store) + ": " +
          std::string(cause)
  );
}

Error secret_bulk_get(std::string_view store, std::string_view cause) {
  return plain(
      "ERR_SECRET_GET",
      500,
      Code::internal,
      "failed getting secrets from secret store " + std::string(store) + ": " + std::string(cause)
  );
}

}  // namespace mecha::errors
