// Files that components read: tokens and certificates.

#pragma once

#include <string>

#include "runtime/async/async.hpp"

namespace mecha::files {

// Every file of a folder, one after another, by name. Blocks.
Result<std::string> read_folder(const std::string& path);

// mecha::read_file on a thread that lives as long as the call.
Async<std::string> read_file_aside(std::string path);

}  // namespace mecha::files
