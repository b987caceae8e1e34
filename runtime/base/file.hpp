// Reading whole files, and what the system says when it fails.

#pragma once

#include <cstddef>
#include <string>

#include "runtime/base/result.hpp"

namespace mecha {

// What the system says of an error number, with a small letter first: "no such file or directory".
std::string system_message(int error);

inline constexpr std::size_t kFileMax = 512 << 20;

// All of a file, also of one that does not know its size, as those below /proc. Blocks. Fails with not_found "open <path>: no such
// file or directory" (or what else the system says, in the same form), and with invalid_argument for a folder
// ("read <path>: is a directory") and for more than `max` bytes.
Result<std::string> read_file(const std::string& path, std::size_t max = kFileMax);

}  // namespace mecha
