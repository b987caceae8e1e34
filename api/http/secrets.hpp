// HTTP face of the secrets API (contract 02, section 3.1).

#pragma once

#include <string>
#include <vector>

#include "api/http/route.hpp"
#include "runtime/capabilities/secrets/secrets.hpp"

namespace mecha::api {

std::vector<HttpRoute> secrets_routes(secrets::SecretsCapability& capability);

// The answers' bodies, with the newline at the end.
std::string secret_json(const secrets::SecretMap& secret);
std::string secrets_json(const secrets::SecretMaps& all);
// A body is not needed, but one that is there must be the JSON form of the request message.
Result<void> check_secret_body(const std::string& body);

}  // namespace mecha::api
