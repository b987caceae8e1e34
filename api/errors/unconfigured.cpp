#include "api/errors/unconfigured.hpp"

#include "runtime/base/text.hpp"

namespace mecha::errors {

Error conversation_not_found(std::string_view name) {
  return plain(
      "ERR_CONVERSATION_NOT_FOUND",
      400,
      Code::invalid_argument,
      "failed finding conversation component " + std::string(name)
  );
}

Error actors_without_placement() {
  return plain("ERR_ACTOR_NO_PLACEMENT", 400, Code::unavailable, "placement service is not configured");
}

Error actor_type_reserved(std::string_view type) {
  return plain(
      "ERR_ACTOR_TYPE_RESERVED",
      403,
      Code::permission_denied,
      "actor type " + text::quote(type) +
          " is reserved for the Dapr workflow runtime; direct actor API access is not permitted"
  );
}

}  // namespace mecha::errors
