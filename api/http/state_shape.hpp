// The shape of the requests within a transaction, in the words of the reference, which reads them in two steps.

#pragma once

#include "runtime/base/json.hpp"

namespace mecha::api {

// Fails with all members that are of another kind than a request of `upsert` or of `delete` has. Null is an empty request.
Result<void> check_operation(const json::Value& request, bool upsert);

}  // namespace mecha::api
