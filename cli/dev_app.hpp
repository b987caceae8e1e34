// One application of `mecha dev`: what its folder brings, and what is offered to it for the rest.

#pragma once

#include <string>
#include <vector>

#include "cli/dev_resources.hpp"
#include "cli/plan.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

namespace mecha::cli {

struct DevApp {
  Plan plan;
  DevPlaces places;
  std::vector<DevComponent> components;  // embedded
  std::vector<std::string> own;          // folders with resources of its own
  bool finds_port = false;               // the application's port is found by looking
};

// Looks at the folder of `plan`, here if it names none; writes nothing. `data`: the data folder; empty: that of this user.
Result<DevApp> look_at(Plan plan, const std::string& data);
// Makes its files and says in its plan what follows. Fails when its port is held already, and when an application of the
// same name runs from this folder with other embedded components: their files are the same.
Result<void> prepare(DevApp& app, bool no_app_port);

// What was chosen, once the plan has its ports.
std::string to_text(const DevApp& app, const Plan& plan);
json::Value to_json(const DevApp& app, const Plan& plan);

}  // namespace mecha::cli
