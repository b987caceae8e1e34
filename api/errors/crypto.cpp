#include "api/errors/crypto.hpp"

#include <string>

#include "api/errors/common.hpp"

namespace mecha::errors {

Error crypto_not_configured() {
  return plain("ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED", 500, Code::internal, "crypto providers not configured");
}

Error crypto_component_missing() { return bad_request_error("missing component name"); }

Error crypto_provider_not_found(std::string_view name) {
  return plain(
      "ERR_CRYPTO_PROVIDER_NOT_FOUND", 400, Code::invalid_argument, "crypto provider " + std::string(name) + " not found"
  );
}

Error crypto_header_missing(std::string_view name) {
  return bad_request_error("missing header '" + std::string(name) + "'");
}

Error crypto_property_missing(std::string_view name) {
  return bad_request_error("missing property '" + std::string(name) + "' in the options message");
}

Error crypto(std::string_view cause) {
  return plain("ERR_CRYPTO", 500, Code::internal, "failed to perform operation: " + std::string(cause));
}

Error crypto_key(std::string_view name, std::string_view cause) {
  return plain(
      "ERR_CRYPTO_KEY",
      500,
      Code::internal,
      "failed to retrieve key " + std::string(name) + ": " + std::string(cause)
  );
}

Error crypto_stream(std::string_view cause) { return plain("ERROR", 500, Code::internal, std::string(cause)); }

}  // namespace mecha::errors
