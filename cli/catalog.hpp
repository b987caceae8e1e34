// The component types of the daemon that would be started.

#pragma once

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

namespace mecha::cli {

// What `mechad --describe json` prints: a list of types with their fields, those of modules among them.
Result<json::Value> describe_daemon();

}  // namespace mecha::cli
