// A component's own structured error (contract 01, 2.1; 06, section 8): the API tells it as it is, instead of naming it in an
// error of the operation.

#pragma once

#include "runtime/base/error.hpp"

namespace mecha::errors {

// Of built-in components none has a tag.
inline bool is_structured(const Error& cause) { return !cause.tag.empty() && cause.details != nullptr; }

}  // namespace mecha::errors
