#include "api/errors/state.hpp"

#include <string>
#include <utility>

#include "api/errors/component.hpp"

namespace mecha::errors {
namespace {

std::string cat(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto part : parts) text.append(part);
  return text;
}

ErrorDetail lookup_info(std::string reason, const std::string* app_id) {
  if (app_id == nullptr) return error_info_null(std::move(reason));
  return error_info(std::move(reason), {{"appID", *app_id}});
}

ErrorDetail of_store(std::string_view store) { return resource_info("state", std::string(store)); }

// The rule that save and delete share: a conflict is 409, a malformed etag 400, all else 500.
Error write_failure(std::string_view tag, std::string message, const Error& cause) {
  if (is_structured(cause)) return cause;
  auto error = plain(tag, 500, Code::internal, std::move(message));
  if (cause.failure == Failure::etag_mismatch) {
    error.http_status = 409;
    error.code = Code::aborted;
  } else if (cause.failure == Failure::etag_invalid) {
    error.http_status = 400;
    error.code = Code::invalid_argument;
  }
  error.failure = cause.failure;
  return error;
}

}  // namespace

Error state_not_configured(std::string_view store, const std::string* app_id) {
  return rich(
      "ERR_STATE_STORE_NOT_CONFIGURED",
      500,
      Code::failed_precondition,
      cat({"state store ", store, " is not configured"}),
      {lookup_info("DAPR_STATE_NOT_CONFIGURED", app_id)}
  );
}

Error state_not_found(std::string_view store, const std::string* app_id) {
  return rich(
      "ERR_STATE_STORE_NOT_FOUND",
      400,
      Code::invalid_argument,
      cat({"state store ", store, " is not found"}),
      {lookup_info("DAPR_STATE_NOT_FOUND", app_id)}
  );
}

Error state_not_ready(
    std::string_view store, const std::string* app_id, std::string_view condition, std::string_view cause
) {
  auto error = state_not_found(store, app_id);
  if (app_id == nullptr) return error;
  auto info = lookup_info("DAPR_STATE_NOT_FOUND", app_id);
  info.metadata["componentState"] = condition;
  if (!cause.empty()) info.metadata["componentError"] = cause;
  error.details = std::make_shared<const std::vector<ErrorDetail>>(1, std::move(info));
  return error;
}

Error state_illegal_key(
    std::string_view key, std::string_view store, std::string_view field, bool nested
) {
  auto message = cat({"input key/keyPrefix '", key, "' can't contain '||'"});
  if (nested) message.insert(0, "api error: code = InvalidArgument desc = ");
  return rich(
      "ERR_MALFORMED_REQUEST",
      400,
      Code::invalid_argument,
      message,
      {bad_request(std::string(field), message),
       of_store(store),
       error_info_null("DAPR_STATE_ILLEGAL_KEY")}
  );
}

Error state_key_required() { return malformed_request_plain("\"key\" is a required field"); }

Error state_key_empty() {
  return plain("ERR_STATE_SAVE", 400, Code::invalid_argument, "state key cannot be empty");
}

Error state_save(std::string_view store, const Error& cause) {
  return write_failure(
      "ERR_STATE_SAVE", cat({"failed saving state in state store ", store, ": ", cause.message}), cause
  );
}

Error state_delete(std::string_view key, const Error& cause) {
  return write_failure(
      "ERR_STATE_DELETE", cat({"failed deleting state with key ", key, ": ", cause.message}), cause
  );
}

Error state_bulk_delete(std::string_view store, const Error& cause) {
  return write_failure(
      "ERR_STATE_BULK_DELETE",
      cat({"failed deleting state in state store ", store, ": ", cause.message}),
      cause
  );
}

Error state_get(std::string_view key, std::string_view store, const Error& cause) {
  if (is_structured(cause)) return cause;
  return plain(
      "ERR_STATE_GET",
      500,
      Code::internal,
      cat({"fail to get ", key, " from state store ", store, ": ", cause.message})
  );
}

Error state_bulk_get(const Error& cause) {
  if (is_structured(cause)) return cause;
  return plain("ERR_STATE_BULK_GET", 500, Code::unknown, cause.message);
}

Error state_outbox(const std::string& app_id, const std::string& cause) {
  return rich(
      "ERR_PUBLISH_OUTBOX",
      500,
      Code::internal,
      "error while publishing outbox message: " + cause,
      {error_info("DAPR_PUBSUB_OUTBOX", {{"appID", app_id}, {"error", cause}})}
  );
}

Error state_transaction(const Error& cause) {
  if (is_structured(cause)) return cause;
  return plain(
      "ERR_STATE_TRANSACTION",
      500,
      Code::internal,
      cat({"error while executing state transaction: ", cause.message})
  );
}

Error state_not_transactional(std::string_view store) {
  return rich(
      "ERR_STATE_STORE_NOT_SUPPORTED",
      500,
      Code::unimplemented,
      cat({"state store ", store, " doesn't support transactions"}),
      {help(
           "Check the list of state stores and the features they support",
           "https://docs.dapr.io/reference/components-reference/supported-state-stores/"
       ),
       of_store(store),
       error_info_null("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED")}
  );
}

Error state_operation_not_supported(std::string_view kind) {
  return plain(
      "ERR_NOT_SUPPORTED_STATE_OPERATION",
      400,
      Code::unimplemented,
      cat({"operation type ", kind, " not supported"})
  );
}

Error state_too_many_operations(std::string_view store, std::size_t count, std::size_t limit) {
  const auto have = std::to_string(count);
  const auto most = std::to_string(limit);
  return rich(
      "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS",
      400,
      Code::invalid_argument,
      cat({"the transaction contains ", have,
           " operations, which is more than what the state store supports: ", most}),
      {of_store(store),
       error_info(
           "DAPR_STATE_TOO_MANY_TRANSACTIONS",
           {{"currentOpsTransaction", have}, {"maxOpsPerTransaction", most}}
       )}
  );
}

Error state_not_queryable(std::string_view store) {
  return rich(
      "ERR_STATE_STORE_NOT_SUPPORTED",
      500,
      Code::internal,
      "state store does not support querying",
      {of_store(store), error_info_null("DAPR_STATE_QUERYING_NOT_SUPPORTED")}
  );
}

Error state_query(std::string_view store, std::string_view detail) {
  return rich(
      "ERR_STATE_QUERY",
      500,
      Code::internal,
      cat({"state store ", store, " query failed: ", detail}),
      {of_store(store), error_info_null("DAPR_STATE_QUERY_FAILED")}
  );
}

}  // namespace mecha::errors
