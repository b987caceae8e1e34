// The rest of a stream: standard input, and files that a user names, which may be pipes that somebody still writes (`<(command)`).

#pragma once

#include <istream>
#include <sstream>
#include <string>
#include <utility>

namespace mecha::cli {

// What can be read. A read that fails ends it, as that of a directory. (An istreambuf_iterator throws there.) mecha::read_file does
// not wait for who writes a pipe.
inline std::string read_all(std::istream& in) {
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

}  // namespace mecha::cli
