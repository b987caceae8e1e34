#include "components/bindings/sql_request.hpp"

#include "runtime/base/text.hpp"

namespace mecha::bindings {

Result<SqlRequest> read_sql_request(const InvokeRequest& request) {
  const auto sql = request.metadata.find("sql");
  if (sql == request.metadata.end() || sql->second.empty()) return fail(Code::invalid_argument, "required metadata not set: sql");
  SqlRequest made{.operation = request.operation, .sql = sql->second, .params = {}};
  const auto params = request.metadata.find("params");
  if (params == request.metadata.end() || params->second.empty()) return made;
  auto list = json::parse(params->second, true);
  constexpr auto kWhy = "invalid metadata property params: failed to unserialize into an array";
  if (!list) return fail(std::move(list).error().context(kWhy));
  if (list->is_null()) return made;
  if (!list->is_array()) return fail(Code::invalid_argument, std::string(kWhy) + ": json: cannot unmarshal into Go value of type []interface {}");
  made.params = std::move(list->as_array());
  return made;
}

Metadata SqlRequest::told() const {
  const auto ended = std::chrono::system_clock::now();
  return {
      {"operation", operation},
      {"sql", sql},
      {"start-time", text::rfc3339_nano(begun)},
      {"end-time", text::rfc3339_nano(ended)},
      {"duration", text::format_go_duration(ended - begun)}};
}

}  // namespace mecha::bindings
