// Routes of capabilities for which this build has no components: conversation, actors.
// They answer what the contract says of a capability that is not configured, and never anything else.

#pragma once

#include <vector>

#include "api/http/route.hpp"

namespace mecha::api {

std::vector<HttpRoute> unconfigured_routes();

}  // namespace mecha::api
