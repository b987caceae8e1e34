#include "api/grpc/status.hpp"

#include "api/errors/common.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::api {
namespace {

// google.protobuf.Any of a message of google.rpc.
std::string any(std::string_view name, std::string_view bytes) {
  std::string out;
  wire::bytes(out, 1, "type.googleapis.com/google.rpc." + std::string(name));
  wire::bytes(out, 2, bytes);
  return out;
}

std::string pair_of(std::string_view key, std::string_view value) {
  std::string out;
  wire::text(out, 1, key);
  wire::text(out, 2, value);
  return out;
}

std::string encode(const ErrorDetail& detail) {
  std::string out;
  switch (detail.type) {
    case ErrorDetail::Type::error_info:
      wire::text(out, 1, detail.reason);
      wire::bytes(out, 2, "dapr.io");
      for (const auto& [key, value] : detail.metadata) wire::bytes_always(out, 3, pair_of(key, value));
      return any("ErrorInfo", out);
    case ErrorDetail::Type::resource_info:
      wire::text(out, 1, detail.resource_type);
      wire::text(out, 2, detail.resource_name);
      wire::text(out, 3, detail.owner);
      wire::text(out, 4, detail.description);
      return any("ResourceInfo", out);
    case ErrorDetail::Type::bad_request:
      wire::bytes_always(out, 1, pair_of(detail.field, detail.description));
      return any("BadRequest", out);
    case ErrorDetail::Type::help: break;
  }
  wire::bytes_always(out, 1, pair_of(detail.description, detail.url));
  return any("Help", out);
}

std::string encode_all(Code code, std::string_view message, const std::vector<ErrorDetail>& details) {
  std::vector<std::string> encoded;
  encoded.reserve(details.size());
  for (const auto& detail : details) encoded.push_back(encode(detail));
  return rpc_status(code, message, encoded);
}

}  // namespace

std::string rpc_status(Code code, std::string_view message, const std::vector<std::string>& details) {
  std::string out;
  wire::number(out, 1, static_cast<std::uint64_t>(code));
  wire::text(out, 2, message);
  for (const auto& detail : details) wire::bytes_always(out, 3, detail);
  return out;
}

net::grpc::Status status_of(const Error& error) {
  net::grpc::Status status{.code = error.code == Code::ok ? Code::unknown : error.code, .message = error.message};
  if (error.details && !error.details->empty()) {
    status.details = encode_all(status.code, status.message, *error.details);
  } else if (errors::has_reason(error.tag)) {
    status.details = encode_all(status.code, status.message, {errors::error_info(std::string(error.tag))});
  }
  return status;
}

net::grpc::Status refused(Code code, std::string_view reason, unsigned http, std::string_view text) {
  net::grpc::Status status{.code = code, .message = std::string(reason)};
  status.details = encode_all(
      code, reason,
      {errors::error_info(
          std::string(reason), {{"http.code", std::to_string(http)}, {"http.error_message", std::string(text)}}
      )}
  );
  return status;
}

}  // namespace mecha::api
