// Names of files below a root that they cannot leave.

#pragma once

#include <filesystem>
#include <string>

#include "runtime/base/result.hpp"

namespace mecha::bindings {

struct RootedPath {
  std::filesystem::path full;
  std::string relative;  // "" for the root itself
};

// Where `name` leads if the root were the root of the file system: "..", absolute names and
// symbolic links stay below it. Looks at links, so it blocks; the file need not exist.
Result<RootedPath> below_root(const std::filesystem::path& root, std::string_view name);

// Absolute and cleaned. Fails for folders of the system: /proc /sys /boot /var/run/secrets, also
// through links.
Result<std::filesystem::path> checked_root(std::string_view text);

}  // namespace mecha::bindings
