// Makers that the subjects of the catalogue share, and the errors that belong to no capability (contract 01, 2.2).

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.hpp"

namespace mecha::errors {

// `tag` must be a literal.
Error plain(std::string_view tag, unsigned http, Code code, std::string message);
Error rich(std::string_view tag, unsigned http, Code code, std::string message, std::vector<ErrorDetail> details);

ErrorDetail error_info(std::string reason, std::map<std::string, std::string> metadata = {});
ErrorDetail error_info_null(std::string reason);  // JSON null as metadata
ErrorDetail resource_info(std::string type, std::string name, std::string description = {});
ErrorDetail bad_request(std::string field, std::string description);
ErrorDetail help(std::string description, std::string url);

// The codes that are plain on HTTP and stand as the reason of an ErrorInfo on gRPC (contract 01, 2.3).
bool has_reason(std::string_view tag);

Error bad_request_error(std::string_view what);        // ERR_BAD_REQUEST
Error unimplemented_api();                             // ERR_API_UNIMPLEMENTED
Error body_read(std::string_view what);                // ERR_BODY_READ
Error malformed_request(std::string_view what);        // ERR_MALFORMED_REQUEST, with its prefix
Error malformed_request_plain(std::string message);    // the same code, the text alone
Error malformed_response(std::string message);         // ERR_MALFORMED_RESPONSE: the status of a gRPC application as JSON
Error no_app_id();                                     // ERR_DIRECT_INVOKE 404
Error direct_invoke(std::string_view target, std::string_view cause, unsigned http = 500);  // ERR_DIRECT_INVOKE
Error health_not_ready(std::string_view targets);
Error outbound_not_ready();
Error app_id_mismatch();

}  // namespace mecha::errors
