// HTTP face of the state API: six routes (contract 02, section 1.1). It translates and decides nothing.

#pragma once

#include <vector>

#include "api/http/route.hpp"

namespace mecha::state {
class StateCapability;
}

namespace mecha::api {

// The capability outlives the routes.
std::vector<HttpRoute> state_routes(state::StateCapability& state);

}  // namespace mecha::api
