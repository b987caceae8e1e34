// Error: what went wrong, as a value. One type from the drivers up to the wire; the two API faces translate
// it, nothing in between inspects texts.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mecha {

// The canonical gRPC status codes; the numbers are the wire numbers.
enum class Code : std::uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

// Spelling used in nested texts: "InvalidArgument", "Canceled", ... (contract 01, 2.1).
std::string_view code_name(Code code);
// The HTTP status of a code, and back (contract 01, 8.4). The two tables are not inverse to each other.
unsigned http_status_of(Code code);
Code code_of_http_status(unsigned status);

// One entry of `details` of a rich error. `type` is the message name after google.rpc., e.g. "ErrorInfo".
struct ErrorDetail {
  enum class Type : std::uint8_t { error_info, resource_info, bad_request, help };
  Type type = Type::error_info;
  // error_info: reason, and metadata below. resource_info: resource_type, resource_name, owner, description.
  // bad_request: field, description. help: url, description.
  std::string reason;
  std::map<std::string, std::string> metadata;
  bool metadata_is_null = false;  // JSON null instead of {}
  std::string resource_type, resource_name, owner;
  std::string field, description, url;
};

// Facts about a failure that a caller may act upon. A component sets them; the capability maps them to the wire.
enum class Failure : std::uint8_t {
  none,
  etag_mismatch,   // the record changed since it was read
  etag_invalid,    // the etag cannot be one of this store
  not_supported,   // the component lacks the feature
  never_sent,      // a request that provably did not reach the peer: safe to send again
  body_too_large,  // the text is always "stream too large"
  timeout,         // a deadline of ours
  circuit_open,    // rejected by a circuit breaker, permanent
};

struct Error {
  Code code = Code::unknown;
  std::string message;
  // Wire error code such as ERR_STATE_GET; a literal of the catalogue (api/errors). Empty: "ERROR" on HTTP.
  std::string_view tag;
  unsigned http_status = 0;  // 0: from the code
  Failure failure = Failure::none;
  // Status by which resiliency `matching` judges the failure: HTTP >= 100, gRPC < 100, -1 none.
  int outcome = -1;
  std::shared_ptr<const std::vector<ErrorDetail>> details;  // of rich errors

  unsigned status() const { return http_status != 0 ? http_status : http_status_of(code); }

  // "what: message"; keeps everything else.
  Error context(std::string_view what) &&;
  // "rpc error: code = Internal desc = ..." as the reference nests a gRPC status.
  std::string as_rpc_text() const;
  // "api error: code = InvalidArgument desc = ..." as it nests an API error.
  std::string as_api_text() const;
};

}  // namespace mecha
