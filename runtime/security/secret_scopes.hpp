// Which secrets the application may read (contract 06, 5.7). Pure.

#pragma once

#include <span>
#include <string_view>

#include "runtime/resources/specs.hpp"

namespace mecha::security {

// The last entry of a store counts; without one everything is allowed. References in components do
// not ask.
bool secret_allowed(
    std::span<const SecretScope> scopes, std::string_view store, std::string_view key
);

}  // namespace mecha::security
