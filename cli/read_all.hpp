// The rest of a stream.

#pragma once

#include <istream>
#include <sstream>
#include <string>
#include <utility>

namespace mecha::cli {

// What can be read. A read that fails ends it: of a directory, or of a file below /proc whose process has gone meanwhile. (An
// istreambuf_iterator throws there.)
inline std::string read_all(std::istream& in) {
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

}  // namespace mecha::cli
