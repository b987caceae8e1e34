// What bindings on SQL servers share: the metadata of a request, and what is told about its run (contract 03, 5.6).

#pragma once

#include <chrono>
#include <string>

#include "components/bindings/binding.hpp"
#include "runtime/base/json.hpp"

namespace mecha::bindings {

struct SqlRequest {
  std::string operation;  // exec or query
  std::string sql;
  json::Array params;
  std::chrono::system_clock::time_point begun = std::chrono::system_clock::now();

  // operation, sql, start-time, end-time, duration.
  Metadata told() const;
};

// The metadata `sql` and `params`, a JSON array. "required metadata not set: sql".
Result<SqlRequest> read_sql_request(const InvokeRequest& request);

}  // namespace mecha::bindings
