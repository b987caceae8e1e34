#include "api/errors/lock.hpp"

#include <string>

#include "api/errors/common.hpp"

namespace mecha::errors {
namespace {

Error wrong_field(std::string_view what, std::string_view store) {
  return malformed_request_plain(std::string(what) + " in lock store " + std::string(store));
}

}  // namespace

Error lock_not_configured() {
  return plain("ERR_LOCK_STORE_NOT_CONFIGURED", 500, Code::failed_precondition, "lock store is not configured");
}

Error lock_store_not_found(std::string_view store) {
  return plain("ERR_LOCK_STORE_NOT_FOUND", 400, Code::invalid_argument, "lock store " + std::string(store) + " not found");
}

Error lock_expiry_not_positive(std::string_view store) { return wrong_field("ExpiryInSeconds is not positive", store); }
Error lock_resource_empty(std::string_view store) { return wrong_field("ResourceId is empty", store); }
Error lock_owner_empty(std::string_view store) { return wrong_field("LockOwner is empty", store); }

Error try_lock_failed(std::string_view cause) {
  return plain("ERR_TRY_LOCK", 500, Code::internal, "failed to try acquiring lock: " + std::string(cause));
}

Error unlock_failed(std::string_view cause) {
  return plain("ERR_UNLOCK", 500, Code::internal, "failed to release lock: " + std::string(cause));
}

}  // namespace mecha::errors
