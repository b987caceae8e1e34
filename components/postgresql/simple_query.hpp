// Statements for queryExecMode simple_protocol: one text with the values in it. Internal to the driver.

#pragma once

#include <string>

#include "components/postgresql/statement.hpp"

namespace mecha::postgresql {

// $1, $2 .. outside of quotes and comments become literals; a number that no value has stays as it is, and the server says so.
std::string with_values(const Statement& statement);

}  // namespace mecha::postgresql
