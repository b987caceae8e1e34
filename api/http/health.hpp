// Health, metadata and shutdown over HTTP (contract 01, sections 3 and 4).

#pragma once

#include <functional>
#include <vector>

#include "api/http/route.hpp"

namespace mecha {
class Application;
}

namespace mecha::api {

std::vector<HttpRoute> health_routes(Application& application);
std::vector<HttpRoute> metadata_routes(Application& application);
// `shutdown(force)` begins the end of the process and returns at once.
std::vector<HttpRoute> shutdown_routes(std::function<void(bool force)> shutdown);

}  // namespace mecha::api
