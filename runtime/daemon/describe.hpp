// Prints the components of this build with every setting.

#pragma once

#include <string>

namespace mecha {

// `form` is "json" or "markdown". Returns the exit code.
int describe(const std::string& form);

}  // namespace mecha
