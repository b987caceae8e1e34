// Errors of bindings (contract 03, 5.1).

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/errors/common.hpp"

namespace mecha::errors {

// ERR_INVOKE_OUTPUT_BINDING, "error invoking output binding <name>: <cause>".
Error output_binding(std::string_view name, std::string_view cause);
std::string output_binding_missing(std::string_view name);
std::string operation_not_supported(
    std::string_view name, std::string_view operation, const std::vector<std::string>& supported
);

}  // namespace mecha::errors
