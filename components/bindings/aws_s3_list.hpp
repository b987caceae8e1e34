// The operation `list` of bindings.aws.s3: its data as a query, and the server's XML as JSON. Internal to aws_s3.cpp.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/base/json.hpp"

namespace mecha::bindings {

// From {"maxResults","prefix","marker","delimiter"}; no data is an empty object.
Result<std::vector<std::pair<std::string, std::string>>> s3_list_query(const std::string& data);
// A ListBucketResult with the names of its members; what it lacks is null.
Result<json::Value> s3_list_answer(const std::string& xml);

}  // namespace mecha::bindings
