// The environment as a value, so that tests need none, and the texts that are built from it: `$VAR` in configuration
// files, templates, quotes and `envRef` in component metadata (contract 06, sections 3.2, 3.3; 02, sections 7.4, 7.5).

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha {

// The value of a variable; empty if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

Environment process_environment();

// $VAR and ${VAR}; what is not set is empty. A `$` before anything else stays.
std::string expand_variables(std::string_view text, const Environment& environment);

// Whether `envRef` may read the variable: not the application's token, nothing of DAPR_, no space in the name, and in
// DAPR_ENV_KEYS if that is set.
bool may_read(std::string_view variable, const Environment& environment);

// Text that is a quoted Go literal ("...", `...`, or one character in '...') loses its quotes.
std::string unquote(std::string text);

struct Templates {
  std::string app_id;
  std::string name_space;  // NAMESPACE, "default" if it is not set
  std::string pod_name;    // POD_NAME
};
Templates make_templates(std::string app_id, const Environment& environment);

// Replaces {uuid}, {podName}, {namespace} and {appID}. `property` is for the message.
Result<std::string> fill_templates(std::string_view property, std::string text, const Templates& templates);

}  // namespace mecha
