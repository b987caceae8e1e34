// Addresses of a host, for drivers whose library dials by itself and would block on the look-up.

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runtime/async/async.hpp"

namespace mecha::net {

// In the resolver's order, at least one. Fails in the words of a dial: "dial tcp: lookup x: no such host".
Async<std::vector<std::string>> look_up(std::string host, std::chrono::milliseconds limit);

}  // namespace mecha::net
