// What can be said against a plan before anything starts; each answer has its remedy.

#pragma once

#include <vector>

#include "cli/plan.hpp"

namespace mecha::cli {

// Numbers, folders, addresses, resources and the configuration of one plan; what is only odd goes to its notes.
Result<void> check_plan(Plan& plan);
// Fails when two of one run want the same port.
Result<void> check_ports_differ(const std::vector<Plan>& plans);

}  // namespace mecha::cli
