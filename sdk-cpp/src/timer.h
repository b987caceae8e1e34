// A pause as a task.
#pragma once

#include <chrono>

#include "mecha/task.h"

namespace mecha::wire {

/// Ends after `pause`, or at once with `cancelled` when the task around it is asked to stop.
Task<Result<void>> sleep_for(std::chrono::milliseconds pause);

}  // namespace mecha::wire
