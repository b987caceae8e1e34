// Which servers a connection string names, one after another. Internal to the driver.

#pragma once

#include <chrono>
#include <vector>

#include "components/postgresql/conninfo.hpp"
#include "runtime/async/async.hpp"

namespace mecha::postgresql {

// The words once for each address to try, in order, with one host each: names are looked up here, as the library would block.
Async<std::vector<Words>> attempts(Words words, std::chrono::milliseconds limit);

}  // namespace mecha::postgresql
