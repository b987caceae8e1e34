// Finding components that run in processes of their own: a folder of Unix sockets, each asked by reflection what it serves
// (contract 06, section 8).

#pragma once

#include <string>
#include <vector>

#include "components/pluggable/link.hpp"

namespace mecha::pluggable {

inline constexpr std::string_view kFolder = "/tmp/dapr-components-sockets";  // unless DAPR_COMPONENTS_SOCKETS_FOLDER names one

// The sockets of a folder, by name; a folder that is absent has none. What is no socket is told in `log`, folders are passed
// over. `only`: the name of a type; empty: all. Blocks.
Result<std::vector<Remote>> sockets(const std::string& folder, const Log& log, const std::string& only = "");

// What the server behind the socket says that it serves, within 5 s.
Async<std::vector<std::string>> services(Shards& shards, std::string socket);

}  // namespace mecha::pluggable
