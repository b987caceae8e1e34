// HTTP face of output bindings (contract 03, 5.1).

#pragma once

#include <vector>

#include "api/http/route.hpp"

namespace mecha::bindings {
class OutputBindings;
}

namespace mecha::api {

std::vector<HttpRoute> bindings_routes(bindings::OutputBindings& outputs);

}  // namespace mecha::api
