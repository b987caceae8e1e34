// Where this host and this sidecar are found by others (contract 06, 1.3 and 1.4).

#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.hpp"

namespace mecha {

std::string host_name();
// The address that others dial: `configured` (DAPR_HOST_IP) if it is not empty, else what the kernel would send from,
// else an interface's.
Result<std::string> host_address(const std::string& configured);
// The internal port that an application gets when none is configured: the same for the same id, directory, user and host.
std::uint16_t stable_port(const std::string& app_id);

}  // namespace mecha
