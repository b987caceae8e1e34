// HTTP face of the configuration API, stable and alpha alike (contract 02, section 4.1).

#pragma once

#include <vector>

#include "api/http/route.hpp"
#include "runtime/capabilities/configuration/configuration.hpp"

namespace mecha::api {

std::vector<HttpRoute> configuration_routes(configuration::ConfigurationCapability& capability);

}  // namespace mecha::api
