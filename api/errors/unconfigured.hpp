// Errors of capabilities that are not configured (contract 01, 2.2 and 2.3).

#pragma once

#include <string_view>

#include "api/errors/common.hpp"

namespace mecha::errors {

Error conversation_not_found(std::string_view name);
Error actors_without_placement();
Error actor_type_reserved(std::string_view type);

}  // namespace mecha::errors
