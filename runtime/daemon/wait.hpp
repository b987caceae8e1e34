// --wait: until a running sidecar can call out (contract 06, 1.2).

#pragma once

#include <string>

namespace mecha {

// Asks http://localhost:<port>/v1.0/healthz/outbound every 100 ms for 60 s. Returns 0 whatever came of it.
int wait_for_sidecar(const std::string& port);

}  // namespace mecha
