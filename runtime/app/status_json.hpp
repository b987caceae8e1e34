// A gRPC status as HTTP callers see it (contract 01, 8.3).

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha {

// The `details` of a serialised google.rpc.Status, each a serialised Any.
std::vector<std::string> status_details(std::string_view status);

// {"code":5,"details":[..],"message":".."}, empty members left out. A detail is written if it is one of the messages of
// google.rpc or a wrapper of google.protobuf; fails for any other type and for bytes that are no such message.
Result<std::string> status_json(int code, std::string_view message, const std::vector<std::string>& details);

}  // namespace mecha
