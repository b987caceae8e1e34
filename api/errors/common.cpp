#include "api/errors/common.hpp"

#include <algorithm>
#include <array>
#include <memory>

namespace mecha::errors {

Error plain(std::string_view tag, unsigned http, Code code, std::string message) {
  return {.code = code, .message = std::move(message), .tag = tag, .http_status = http};
}

Error rich(
    std::string_view tag, unsigned http, Code code, std::string message, std::vector<ErrorDetail> details
) {
  auto error = plain(tag, http, code, std::move(message));
  error.details = std::make_shared<const std::vector<ErrorDetail>>(std::move(details));
  return error;
}

ErrorDetail error_info(std::string reason, std::map<std::string, std::string> metadata) {
  return {
      .type = ErrorDetail::Type::error_info,
      .reason = std::move(reason),
      .metadata = std::move(metadata),
  };
}

ErrorDetail error_info_null(std::string reason) {
  auto detail = error_info(std::move(reason));
  detail.metadata_is_null = true;
  return detail;
}

ErrorDetail resource_info(std::string type, std::string name, std::string description) {
  return {
      .type = ErrorDetail::Type::resource_info,
      .resource_type = std::move(type),
      .resource_name = std::move(name),
      .description = std::move(description),
  };
}

ErrorDetail bad_request(std::string field, std::string description) {
  return {
      .type = ErrorDetail::Type::bad_request,
      .field = std::move(field),
      .description = std::move(description),
  };
}

ErrorDetail help(std::string description, std::string url) {
  return {
      .type = ErrorDetail::Type::help,
      .description = std::move(description),
      .url = std::move(url),
  };
}

bool has_reason(std::string_view tag) {
  constexpr std::array<std::string_view, 11> tags{
      "ERR_STATE_GET", "ERR_STATE_DELETE", "ERR_STATE_SAVE", "ERR_STATE_BULK_DELETE",
      "ERR_STATE_TRANSACTION", "ERR_NOT_SUPPORTED_STATE_OPERATION", "ERR_INVOKE_OUTPUT_BINDING",
      "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", "ERR_CONFIGURATION_STORE_NOT_FOUND", "ERR_CONFIGURATION_GET",
      "ERR_CONFIGURATION_SUBSCRIBE"};
  return std::ranges::find(tags, tag) != tags.end();
}

Error bad_request_error(std::string_view what) {
  return plain("ERR_BAD_REQUEST", 400, Code::invalid_argument, "invalid request: " + std::string(what));
}

Error unimplemented_api() {
  return plain(
      "ERR_API_UNIMPLEMENTED", 501, Code::unimplemented, "this API is currently not implemented"
  );
}

Error body_read(std::string_view what) {
  return plain(
      "ERR_BODY_READ", 400, Code::invalid_argument, "failed to read request body: " + std::string(what)
  );
}

Error malformed_request(std::string_view what) {
  return malformed_request_plain("failed deserializing HTTP body: " + std::string(what));
}

Error malformed_request_plain(std::string message) {
  return plain("ERR_MALFORMED_REQUEST", 400, Code::invalid_argument, std::move(message));
}

Error malformed_response(std::string message) {
  return plain("ERR_MALFORMED_RESPONSE", 500, Code::internal, std::move(message));
}

Error no_app_id() {
  return plain(
      "ERR_DIRECT_INVOKE",
      404,
      Code::not_found,
      "failed getting app id either from the URL path or the header dapr-app-id"
  );
}

Error direct_invoke(std::string_view target, std::string_view cause, unsigned http) {
  std::string message = "failed to invoke, id: ";
  message.append(target).append(", err: ").append(cause);
  const auto code = http == 403 ? Code::permission_denied : Code::internal;
  return plain("ERR_DIRECT_INVOKE", http, code, std::move(message));
}

Error health_not_ready(std::string_view targets) {
  return plain(
      "ERR_HEALTH_NOT_READY", 500, Code::internal, "dapr is not ready: [" + std::string(targets) + "]"
  );
}

Error outbound_not_ready() {
  return plain(
      "ERR_OUTBOUND_HEALTH_NOT_READY", 500, Code::internal, "dapr outbound is not ready"
  );
}

Error app_id_mismatch() {
  return plain("ERR_HEALTH_APPID_NOT_MATCH", 500, Code::internal, "dapr app-id does not match");
}

}  // namespace mecha::errors
